"""The prover of a compiled program: one road from program and setup to a proof that verifies."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.backends import fastest_backend, fastest_engine
from support.desk import desk_setup
from support.programs import CASES, Case, ballot, catalogue, grouped, insolvent_case, margin

from zkmargin.circuits.language import Holding, Inputs, Prover, WitnessRangeError, random_blinding
from zkmargin.circuits.language.keys import verifying_key
from zkmargin.circuits.language.proving import netted
from zkmargin.prover.commitments import weighted_sum
from zkmargin.prover.errors import UnsatisfiedError
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.prove import Options, prove
from zkmargin.prover.randomness import Blinding
from zkmargin.prover.setup import SetupError, development_setup
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.verify import verify

CONTEXT = bytes(range(32))


def prover_of(case: Case) -> Prover[Any, Any]:
    return Prover(case.program, desk_setup(), fastest_backend())


def parts_of(case: Case) -> dict[str, list[Holding]]:
    return {label: [Holding(book, random_blinding()) for book in books] for label, books in case.venues.items()}


def arguments(case: Case) -> dict[str, Any]:
    given = {"holdings": parts_of(case), "market": case.market, "scalars": case.scalars, "columns": case.columns}
    return {"context": CONTEXT, **given}


@pytest.mark.parametrize("make", CASES)
def test_a_verifier_that_rebuilds_the_key_accepts(make: Callable[[], Case]) -> None:
    case = make()
    prover = prover_of(case)
    proven = prover.prove(**arguments(case))
    key = verifying_key(case.program, desk_setup(), load_backend("reference"))
    assert key == prover.verifying_key
    verify(key, proven.public, proven.proof, fastest_engine())
    assert proven.public.context == CONTEXT
    assert [len(points) for points in proven.public.holdings] == [len(books) for books in case.venues.values()]


def test_proofs_share_keys_and_published_columns_and_nothing_else() -> None:
    case = catalogue()
    prover = prover_of(case)
    published = prover.publish(case.market)
    given = {**arguments(case), "market": published}
    first, second = prover.prove(**given), prover.prove(**given)
    assert prover.key is prover.key
    assert first.public == second.public
    assert first.public.market is published.points
    assert first.proof != second.proof
    for proven in (first, second):
        verify(prover.verifying_key, proven.public, proven.proof, fastest_engine())


def test_public_inputs_made_elsewhere_give_the_same_proof() -> None:
    case = margin()
    prover, given = prover_of(case), arguments(case)

    def options() -> Options:
        return Options(blinding=Blinding(iter(range(1, 10_000)).__next__))

    proven = prover.prove(**given, options=options())
    holdings = {label: netted(parts) for label, parts in given["holdings"].items()}
    market = prover.publish([fastest_backend().vector([*case.market[name], *[0] * 99][:32]) for name in case.market])
    assert market.points == proven.public.market
    inputs = Inputs(holdings=holdings, market=market.columns, scalars=case.scalars)
    assert prover.prove_public(proven.public, inputs, options()) == proven.proof


def test_commitments_add_up() -> None:
    prover = prover_of(margin())
    parts = [Holding([5, -7], 11), Holding(np.array([1, 2, 3]), SCALAR_MODULUS - 1)]
    assert netted(parts) == Holding([6, -5, 3], 10)
    assert netted(parts[0]) is parts[0]
    assert weighted_sum(fastest_backend(), prover.commit(*parts), [1, 1]) == prover.commit(netted(parts))[0]
    assert prover.commit() == ()


@pytest.mark.parametrize("seed", range(4))
def test_a_netted_holding_is_the_integers_sum(seed: int) -> None:
    draw = random.Random(seed)
    books = [[draw.randrange(-(2**62), 2**62) for _ in range(draw.randrange(9))] for _ in range(5)]
    parts = [Holding(np.array(book, dtype=np.int64), draw.randrange(SCALAR_MODULUS)) for book in books]
    expected = [sum(book[row] for book in books if row < len(book)) for row in range(max(map(len, books)))]
    assert netted(parts).values == expected
    assert netted(parts).blinding == sum(part.blinding for part in parts) % SCALAR_MODULUS


def test_a_false_statement_has_no_proof() -> None:
    false = insolvent_case(margin())
    with pytest.raises(WitnessRangeError, match=r"scenario\[0\]"):
        prover_of(false).prove(**arguments(false))
    with pytest.raises(UnsatisfiedError, match="tally"):
        prover_of(ballot()).prove(**{**arguments(ballot()), "scalars": {"tally": 4}})


def test_a_forged_witness_is_refused() -> None:
    """A prover who goes on regardless: the verifier says no."""
    false = insolvent_case(margin())
    prover, given = prover_of(false), arguments(false)
    published = prover.publish(false.market)
    holdings = {label: netted(parts) for label, parts in given["holdings"].items()}
    witness = prover.witness(Inputs(holdings=holdings, market=published.columns, scalars=false.scalars), check=False)
    honest = prover_of(margin()).prove(**{**arguments(margin()), "holdings": given["holdings"]})
    public = type(honest.public)(CONTEXT, witness.scalars, honest.public.holdings, published.points)
    proof = prove(prover.key, public, witness.assignment, Options(check=False))
    with pytest.raises(ProofRejected):
        verify(prover.verifying_key, public, proof, fastest_engine())
    with pytest.raises(ProofRejected):
        verify(prover.verifying_key, public, honest.proof, fastest_engine())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"holdings": {}}, r"holdings: missing \['net'\]"),
        ({"holdings": {"net": [], "more": []}}, r"unknown \['more'\]"),
        ({"market": {"price": [1]}}, "market: missing"),
        ({"scalars": {}}, "scalars: missing"),
        ({"context": b"short"}, "context"),
    ],
)
def test_labels_that_are_missing_or_unknown(change: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        prover_of(margin()).prove(**{**arguments(margin()), **change})


def test_columns_and_hints_that_a_program_asks_for() -> None:
    with pytest.raises(FormatError, match="columns: expected values for amount"):
        prover_of(grouped()).prove(**{**arguments(grouped()), "columns": {}})


def test_a_setup_that_is_too_small() -> None:
    small = development_setup(16, fastest_backend())
    with pytest.raises(SetupError, match="at least 32 rows"):
        _ = Prover(margin().program, small, fastest_backend()).key


def test_nothing_secret_shows() -> None:
    prover = prover_of(margin())
    assert repr(prover) == f"Prover(margin, rows=32, backend={fastest_backend().name})"
    assert repr(prover.publish(margin().market)) == "Published(columns=4)"
