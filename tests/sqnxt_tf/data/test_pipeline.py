import numpy as np

from sqnxt_tf.data.pipeline import Arrays, training_dataset


def arrays(count: int = 10) -> Arrays:
    images = np.random.default_rng(0).random((count, 6, 5, 3)).astype(np.float32)
    return Arrays(images, np.arange(count))


def labels_by_epoch(first_epoch: int, *, seed: int = 0, batch: int = 4, epochs: int = 3) -> list[list[int]]:
    dataset = training_dataset(arrays(), batch=batch, seed=seed, first_epoch=first_epoch, epochs=epochs)
    batches = [labels.numpy().tolist() for _, labels in dataset]
    assert [len(b) for b in batches] == [3, 3, 4] * (epochs - first_epoch)  # even: no replica goes without
    return [[*a, *b, *c] for a, b, c in zip(*[iter(batches)] * 3, strict=True)]


def test_every_image_is_seen_once_an_epoch_in_a_new_order() -> None:
    epochs = labels_by_epoch(0)
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    assert labels_by_epoch(1) == labels_by_epoch(0)[1:]
    assert labels_by_epoch(0, seed=1) != labels_by_epoch(0)


def test_shifts_move_the_image_within_its_mirrored_margin() -> None:
    data = arrays()
    dataset = training_dataset(data, batch=10, seed=0, first_epoch=0, epochs=1, max_shift=2)
    images, labels = (part.numpy() for part in next(iter(dataset)))
    moved = 0
    for image, label in zip(images, labels, strict=True):
        padded = np.pad(data.images[label], [(2, 2), (2, 2), (0, 0)], "symmetric")
        places = [(r, c) for r in range(5) for c in range(5) if np.array_equal(image, padded[r : r + 6, c : c + 5])]
        assert len(places) == 1
        moved += places != [(2, 2)]
    assert moved > 5


def test_without_shifts_images_stay_as_they_are() -> None:
    data = arrays()
    dataset = training_dataset(data, batch=10, seed=0, first_epoch=0, epochs=1)
    images, labels = (part.numpy() for part in next(iter(dataset)))
    np.testing.assert_array_equal(images, data.images[labels])
