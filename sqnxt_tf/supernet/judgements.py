"""The file that keeps the accuracies of networks that were judged: one line for each, written when it is known."""

from __future__ import annotations

import csv
from pathlib import Path

from sqnxt_base.csv_text import csv_text
from sqnxt_base.user_files import UnreadableTextError, read_text, reason_of
from sqnxt_tf.errors import SqnxtError

_COLUMNS = ("supernet", "network", "input_size", "validation_top1")
_LARGEST_FILE = 256 << 20  # bytes: some millions of networks


class Judgements:
    """Accuracies by network and input size, in a CSV file to which each is added at once.

    Several processes may add to one file. Lines of another supernet, of other images or cut short by a kill are passed
    over.

    Args:
        path: The file; it need not be there.
        identity: What determines the accuracies: the supernet's weights, and the images.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self.path, self.identity = path, identity
        self._known = self._read()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, network: str, input_size: int) -> float | None:
        """Return an accuracy; None if the network has not been judged at this size."""
        return self._known.get((network, input_size))

    def add(self, network: str, input_size: int, accuracy: float) -> None:
        """Keep an accuracy.

        Raises:
            SqnxtError: The file cannot be written.
        """
        self._known[network, input_size] = accuracy
        row = dict(zip(_COLUMNS, (self.identity, network, input_size, repr(accuracy)), strict=True))
        header, line = csv_text([row], _COLUMNS).splitlines()
        try:
            with self.path.open("a", encoding="utf-8") as file:
                begins = file.tell() == 0
                file.write(f"{header}\n{line}\n" if begins else f"{line}\n")
        except OSError as error:
            remedy = "give the supernet a folder that can be written"
            raise SqnxtError(self.path, f"cannot be written ({error.strerror})", remedy) from None

    def _read(self) -> dict[tuple[str, int], float]:
        try:
            text = read_text(self.path, _LARGEST_FILE)
        except FileNotFoundError:
            return {}
        except (OSError, UnreadableTextError) as error:
            raise SqnxtError(self.path, f"cannot be read ({reason_of(error)})", "remove or rename it") from None
        whole = text[: text.rfind("\n") + 1]
        known: dict[tuple[str, int], float] = {}
        for line in whole.splitlines():
            try:
                supernet, network, input_size, accuracy = next(csv.reader([line]), [])
                if supernet == self.identity:
                    known[network, int(input_size)] = float(accuracy)
            except (ValueError, csv.Error):  # another number of cells, or two halves of lines
                continue
        return known
