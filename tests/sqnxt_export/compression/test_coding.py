"""The entropy coder and its alphabets: both decoders agree, tables add up, lengths are close to the entropy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnxt_export import ExportError
from sqnxt_export.compression.rans import TOTAL, Encoder, LibraryDecoder, PlainDecoder
from sqnxt_export.compression.symbols import MAX_CODE, MAX_SYMBOLS, choose_alphabet, count_code, rounded_count


@given(st.lists(st.tuples(st.integers(0, 2**31), st.integers(2, 300), st.integers(1, 23)), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_both_decoders_give_back_what_was_pushed(batches: list[tuple[int, int, int]]) -> None:
    encoder, pushed = Encoder(), []
    for seed, size, bits in batches:
        rng = np.random.default_rng(seed)
        counts = rng.integers(1, 1 + 10 ** rng.integers(0, 7), size)
        frequencies = 1 + counts * (TOTAL - size) // counts.sum()
        frequencies[0] += TOTAL - frequencies.sum()
        symbols = rng.choice(size, 50, p=frequencies / TOTAL).astype(np.int32)
        low = rng.integers(0, 1 << bits, 30).astype(np.int32)
        encoder.push(symbols, frequencies)
        encoder.push_low_bits(low, bits)
        pushed.append((symbols, frequencies, low, bits))
    for kind in (LibraryDecoder, PlainDecoder):
        decoder: Any = kind(encoder.words())
        for symbols, frequencies, low, bits in reversed(pushed):
            assert np.array_equal(decoder.low_bits(bits, 30), low)
            assert np.array_equal(decoder.symbols(frequencies, 50), symbols)


@given(st.lists(st.integers(0, 2**32 - 1), max_size=8), st.integers(2, 50))
@settings(max_examples=100, deadline=None)
def test_any_words_decode_to_symbols_of_the_alphabet_or_are_refused(words: list[int], size: int) -> None:
    frequencies = np.full(size, TOTAL // size)
    frequencies[0] += TOTAL - frequencies.sum()
    stack = np.array(words, np.uint32)
    for kind in (LibraryDecoder, PlainDecoder):
        if words and not words[-1]:
            with pytest.raises(ExportError, match="damaged"):
                kind(stack)
            continue
        decoder: Any = kind(stack)
        symbols = decoder.symbols(frequencies, 200)
        assert 0 <= symbols.min() <= symbols.max() < size


def test_a_panic_of_the_library_is_an_error_of_ours() -> None:
    class PanicException(BaseException):
        """A stand-in for the class that pyo3 raises, which is not an Exception."""

    def panic(*_: object) -> None:
        raise PanicException("assertion failed")

    decoder = LibraryDecoder(np.array([1, 2, 3], np.uint32))
    decoder._coder = type("Coder", (), {"decode": panic})()
    with pytest.raises(ExportError, match="assertion failed"):
        decoder.low_bits(3, 1)


def test_counts_are_rounded_to_the_nearest_of_an_even_scale() -> None:
    known = rounded_count(np.arange(MAX_CODE + 1, dtype=np.uint8))
    assert (np.diff(known) > 0).all()
    assert known[:16].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28]
    assert known[-1] > 2**31
    counts = np.concatenate([np.arange(3000), 2 ** np.arange(31)])
    rounded = rounded_count(count_code(counts))
    assert np.array_equal(np.abs(rounded - counts), np.abs(known[None] - counts[:, None]).min(axis=1))


WIDTHS = st.sampled_from([1, 2, 4])


@given(st.integers(0, 2**31), WIDTHS, st.sampled_from(["few", "normal", "random", "one"]), st.integers(1, 3000))
@settings(max_examples=150, deadline=None)
def test_alphabets_write_every_word(seed: int, width: int, kind: str, size: int) -> None:
    rng = np.random.default_rng(seed)
    limit = 1 << 8 * width
    words = {
        "few": rng.choice(rng.integers(0, limit, 5), size),
        "normal": (rng.normal(0, limit / 64, size).astype(np.int64) * (rng.random(size) < 0.5)) % limit
        + limit // 2 * (rng.random(size) < 0.1),
        "random": rng.integers(0, limit, size),
        "one": np.full(size, rng.integers(0, limit)),
    }[kind]
    words = (words % limit).astype(np.uint32)
    chosen = choose_alphabet(words, width)
    assert chosen is not None
    alphabet, content = chosen
    frequencies = alphabet.frequencies
    assert frequencies.sum() == TOTAL
    assert frequencies.min() >= 1
    assert len(alphabet.codes) <= MAX_SYMBOLS
    symbols, low = alphabet.split(words)
    restored = alphabet.words[symbols]
    if alphabet.shift:
        restored[symbols >= len(alphabet.exact)] |= low.astype(np.uint32)
    assert np.array_equal(restored, words)
    assert content.entropy_bits <= content.coded_bits + 1e-6


def test_the_code_is_within_a_percent_of_the_entropy_and_not_below() -> None:
    rng = np.random.default_rng(0)
    words = rng.choice(64, 100_000, p=rng.dirichlet(np.ones(64))).astype(np.uint32)
    chosen = choose_alphabet(words, 4)
    assert chosen is not None
    alphabet, content = chosen
    encoder = Encoder()
    encoder.push(alphabet.split(words)[0], alphabet.frequencies)
    bits = 32 * len(encoder.words())
    assert content.entropy_bits <= bits <= 1.01 * content.entropy_bits
    assert bits == pytest.approx(content.coded_bits, abs=64)
