"""The prover: every size, few native calls, progress, and nothing secret in what it shows."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from support.backends import fastest_backend
from support.programs import Case, define_margin, margin, margin_case
from support.statements import Statement, make_statement

from zkmargin.circuits.language import Program, compile_program
from zkmargin.prover.errors import UnsatisfiedError
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.prove import Options, prove
from zkmargin.verifier.circuit import setup_powers
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.proof import proof_length

MAX_NATIVE_CALLS = 200


def define_all_widths(p: Program) -> None:
    """Holdings of several venues, market columns, sums, ranges, a sign split, scalars of one to four rows."""
    net = p.holding("net")
    price = p.market("price", 40)
    size = p.sign_split(net, 60, label="net").absolute
    p.require_range(size, 60, label="size")
    for rows in range(1, 5):
        total = p.private_scalar(f"scalar[{rows}]", 60 * rows, lambda context: context.sum(size))
        p.require_sum(size, total, label=f"gross[{rows}]")
    p.require_sum_at_least(net * price, p.public_scalar("floor", 60), bits=180, label="equity")


def all_widths(rows: int) -> Case:
    program = compile_program(define_all_widths, name="all widths", rows=rows)
    draw = random.Random(rows)
    active = program.active_rows
    books = [[draw.randrange(-(1 << 40), 1 << 41) for _ in range(active)] for _ in range(2)]
    price = {"price": [draw.randrange(1 << 40) for _ in range(active)]}
    return Case(program, {"net": books}, price, {"floor": 12345})


@pytest.mark.parametrize(
    "log_rows", [5, 6, 7, 8, 9, 10, 11, 12, *(pytest.param(k, marks=pytest.mark.slow) for k in (13, 14, 15, 16))]
)
def test_proves_and_verifies_at_every_size(log_rows: int) -> None:
    statement = make_statement(all_widths(1 << log_rows))
    statement.verify(statement.proof)
    assert len(statement.proof) == proof_length(statement.circuit)


@pytest.mark.parametrize("log_rows", [5, pytest.param(8, marks=pytest.mark.slow)])
def test_the_reference_back_end_proves_what_the_others_verify(log_rows: int) -> None:
    statement = make_statement(all_widths(1 << log_rows), load_backend("reference"))
    statement.verify(statement.proof)


class CountingBackend:
    """Counts calls into a back end."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.name = inner.name
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)

        def counted(*arguments: Any, **named: Any) -> Any:
            self.calls[name] += 1
            return method(*arguments, **named)

        return counted


def test_a_proof_takes_few_native_calls() -> None:
    counting = CountingBackend(fastest_backend())
    statement = make_statement(margin(), counting)  # type: ignore[arg-type]
    key = statement.key
    _ = key.helper_tapes, key.sum_tapes, key.quotient_tape
    counting.calls.clear()
    statement.prove()
    assert sum(counting.calls.values()) <= MAX_NATIVE_CALLS, counting.calls.most_common(5)


def test_the_number_of_calls_does_not_grow_with_the_rows() -> None:
    totals = []
    for rows in (32, 64):
        counting = CountingBackend(fastest_backend())
        program = compile_program(define_margin, name="margin", rows=rows, row_bits=15, active_rows=20)
        statement = make_statement(margin_case(program), counting)  # type: ignore[arg-type]
        counting.calls.clear()
        statement.prove()
        totals.append(sum(counting.calls.values()))
    assert totals[0] == totals[1]


def test_progress_rises_to_one() -> None:
    statement = make_statement(margin())
    seen: list[tuple[str, float]] = []
    options = Options(progress=lambda name, fraction: seen.append((name, fraction)))
    prove(statement.key, statement.public, statement.assignment, options)
    fractions = [fraction for _, fraction in seen]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0.0
    assert fractions[-1] == 1.0


def test_a_broken_assignment_is_refused_with_label_and_row(margin_statement: Statement) -> None:
    forged = margin_statement.shift("net.negative", 3, 2)
    with pytest.raises(UnsatisfiedError, match=r"net\.negative\[row 3\]") as caught:
        forged.prove()
    assert {failure.label for failure in caught.value.failures} >= {"net.negative", "net.split"}


def test_columns_of_another_shape_are_refused(margin_statement: Statement) -> None:
    other = make_statement(margin_case(compile_program(define_margin, name="margin", rows=64, row_bits=15)))
    with pytest.raises(FormatError, match="expected the columns of circuit margin, 32 rows each"):
        prove(margin_statement.key, margin_statement.public, other.assignment)


def test_the_quotient_has_two_n_coefficients_and_the_excess_that_blinding_makes(catalogue_statement: Statement) -> None:
    circuit = catalogue_statement.circuit
    assert circuit.quotient_excess > 0
    assert circuit.powers_needed == circuit.quotient_degree + 1 == 2 * circuit.rows + circuit.quotient_excess
    assert circuit.powers_needed <= setup_powers(circuit.rows)
