"""A batch's columns, computed at once, against the definitions one customer and one row at a time."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.backends import fastest_backend
from support.solvency import MASTER, batch, epoch

from zkmargin.circuits.statements.solvency.batch import _running, records
from zkmargin.prover.kernels.reference import ReferenceBackend
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.statements.solvency.accounts import Row, record, salt_of


def drawn(seed: int, customers: int) -> dict[str, list[Row]]:
    rng = random.Random(seed)

    def amount() -> int:
        return rng.choice([0, 1, rng.getrandbits(30), (1 << 60) - 1 - rng.getrandbits(10)])

    return {
        "é" * rng.randrange(1, 100) + str(index): [
            Row(line, amount(), amount(), amount()) for line in range(rng.randrange(1, 6))
        ]
        for index in range(customers)
    }


@pytest.mark.parametrize("customers", [0, 1, 200])
def test_records_at_once_are_the_records(customers: int) -> None:
    held = drawn(customers, customers)
    given = batch(held)
    expected = [record(epoch(), name.encode(), salt_of(MASTER, name.encode()), rows) for name, rows in held.items()]
    assert records(given, epoch(), MASTER, fastest_backend()) == expected
    assert records(given, epoch(), MASTER, ReferenceBackend()) == expected


@pytest.mark.parametrize("column", ["line", "free", "collateral", "debt"])
def test_what_a_record_cannot_hold_is_refused(column: str) -> None:
    given = batch(drawn(1, 3))
    values = getattr(given, column).copy()
    values[0] = -1
    with pytest.raises(FormatError, match="expected lines"):
        records(replace(given, **{column: values}), epoch(), MASTER, fastest_backend())


def running_row_by_row(c: Any, d: Any, rate: Any, price: Any, last: Any) -> tuple[list[int], list[int]]:
    running, surplus, total = [], [], 0
    for row in range(len(last)):
        running.append(total)
        total += int(c[row]) * int(rate[row]) - int(d[row]) * int(price[row])
        surplus.append(total if last[row] else 0)
        total = 0 if last[row] else total
    return running, surplus


@pytest.mark.parametrize("seed", range(20))
def test_running_values_are_exact(seed: int) -> None:
    """Sums pass 2^64, customers have one row or many, and the last row may be nobody's last."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 40))
    c, d, rate, price = rng.integers(0, 1 << 60, size=(4, rows))
    c[rng.random(rows) < 0.3] = 0
    last = (rng.random(rows) < rng.choice([0.1, 0.5, 1.0])).astype(np.int64)
    last[-1] = seed % 2
    found = _running(c, d, {"rate": rate, "price": price}, last)
    assert tuple(map(list, found)) == running_row_by_row(c, d, rate, price, last)
