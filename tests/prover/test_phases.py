"""The phase table: every second is in one row, and a watched back end computes what it always did."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from zkmargin.prover.kernels.reference import ReferenceBackend
from zkmargin.prover.phases import PYTHON, Phases


class Slow(ReferenceBackend):
    def sum(self, vector: Any) -> int:
        time.sleep(0.02)
        return super().sum(vector)


def test_rows_add_up_and_name_the_phase() -> None:
    phases = Phases()
    backend = phases.watch(Slow())
    vector = backend.vector([1, 2, 3])
    assert phases.rows() == {PYTHON: 0.0}, "nothing counts before the first report"
    phases.report("witness", 0.0)
    assert backend.sum(vector) == 6
    phases.report("lookups and sums", 0.2)
    backend.sum(vector)
    time.sleep(0.01)
    phases.report("evaluations", 0.7)
    backend.sum(vector)
    phases.report("opening", 0.8)
    backend.sum(vector)
    phases.report("done", 1.0)
    rows = phases.rows()
    assert list(rows) == ["witness", "LogUp", "opening", PYTHON]
    assert rows["witness"] >= 0.02
    assert rows["opening"] >= 0.04
    assert rows[PYTHON] >= 0.01
    assert abs(sum(rows.values()) - phases.total) < 1e-9
    assert str(phases).splitlines()[-1].startswith("total")


def test_a_watched_back_end_shares_handles_and_name() -> None:
    plain = ReferenceBackend()
    watched = Phases().watch(plain)
    assert watched.name == plain.name
    assert plain.to_ints(watched.add(plain.vector([1]), watched.vector([2]))) == [3]


class SlowToEnd(ReferenceBackend):
    @contextmanager
    def arena(self) -> Iterator[None]:
        yield
        time.sleep(0.02)


def test_the_end_of_a_block_of_work_belongs_to_its_last_phase() -> None:
    phases = Phases()
    with phases.watch(SlowToEnd()).arena():
        phases.report("opening", 0.8)
        phases.report("done", 1.0)
    rows = phases.rows()
    assert rows["opening"] >= 0.02
    assert 0 <= rows[PYTHON] < 0.01
    assert abs(sum(rows.values()) - phases.total) < 1e-9
