"""A short run of the fuzzer, from a fixed seed; the long one is the script's own."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from borders.fuzz import fuzz

COUNT = 1500


def test_a_short_run(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tally = fuzz(shelf, 20_261_128, lambda so_far: so_far.count < COUNT)
    with capsys.disabled():
        print(f" {tally.count} fuzzed inputs, {tally.read.total()} of them read ", end="")
    assert tally.failures == []
    assert tally.count >= COUNT
