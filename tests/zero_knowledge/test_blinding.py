"""Every revealed value has a blinding scalar of its own.

Nothing here repeats the circuit's count: what is revealed is measured on the real prover's proofs, as linear algebra
over their blinding scalars, at the cost of knowing tau.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate

import pytest
from support.programs import Case, ballot, catalogue, grouped, margin, packed
from support.statements import Statement
from zero_knowledge.view import View, rank

from zkmargin.prover.randomness import Blinding
from zkmargin.verifier.circuit import Circuit
from zkmargin.verifier.expression import ColumnKind

Fresh = Callable[[], Case]
"""Compiles a program anew, since a circuit remembers degrees that follow from its blinding."""

CASES: dict[str, Fresh] = {
    "margin": margin.__wrapped__,
    "packed": packed.__wrapped__,
    "catalogue": catalogue.__wrapped__,
    "grouped": grouped.__wrapped__,
    "ballot": ballot.__wrapped__,
}


# -- blinding, given or withheld ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """A kind of column: which program shows it, and where its blinding scalars stand among those drawn.

    witness: the label of a witness column; constant: the name of the circuit's count for another kind.
    """

    name: str
    case: Fresh
    witness: str | None = None
    constant: str | None = None

    def count(self, circuit: Circuit) -> int:
        """What the circuit says."""
        if self.constant:
            return int(getattr(Circuit, self.constant))
        assert self.witness is not None
        return circuit.blinding(circuit.witness.index(self.witness))

    @contextmanager
    def changed(self, by: int) -> Iterator[None]:
        """A prover that draws more or fewer scalars for this column."""
        with pytest.MonkeyPatch.context() as patch:
            if self.constant:
                patch.setattr(Circuit, self.constant, getattr(Circuit, self.constant) + by)
            else:
                original = Circuit.blinding

                def blinding(circuit: Circuit, index: int) -> int:
                    return original(circuit, index) + by * (circuit.witness[index] == self.witness)

                patch.setattr(Circuit, "blinding", blinding)
            yield

    def variables(self, circuit: Circuit) -> range:
        """The positions of this column's scalars in the order in which the prover draws."""
        counts: list[tuple[str, int]] = [
            (label, circuit.blinding(index)) for index, label in enumerate(circuit.witness)
        ]
        counts += [("MULTIPLICITY_BLINDING", Circuit.MULTIPLICITY_BLINDING)] * bool(circuit.lookups)
        counts += [("HELPER_BLINDING", Circuit.HELPER_BLINDING)] * circuit.helpers
        counts += [("RUNNING_SUM_BLINDING", Circuit.RUNNING_SUM_BLINDING)]
        starts = accumulate((count for _, count in counts), initial=0)
        found = (
            (start, count)
            for start, (name, count) in zip(starts, counts, strict=False)
            if name == (self.witness or self.constant)
        )
        start, count = next(found)
        return range(start, start + count)


KINDS = [
    Kind("digit", CASES["margin"], witness="net.magnitude.digit[0]"),
    Kind("sign", CASES["margin"], witness="net.negative"),
    Kind("product", CASES["catalogue"], witness="gross"),
    Kind("key of a fraction sum", CASES["grouped"], witness="group"),
    Kind("weight of a fraction sum", CASES["grouped"], witness="totals"),
    Kind("read here and a row ahead", CASES["catalogue"], witness="running"),
    Kind("read a row ahead only", CASES["ballot"], witness="echo"),
    Kind("boolean without lookups", CASES["ballot"], witness="vote"),
    Kind("multiplicities", CASES["margin"], constant="MULTIPLICITY_BLINDING"),
    Kind("helper", CASES["margin"], constant="HELPER_BLINDING"),
    Kind("running sum", CASES["margin"], constant="RUNNING_SUM_BLINDING"),
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_as_many_values_of_a_column_are_revealed_as_it_has_blinding_scalars(kind: Kind) -> None:
    """With two scalars to spare, the rank of what a proof shows of a column is the number of values it reveals."""
    count = kind.count(kind.case().program.circuit)
    with kind.changed(by=2):
        view = View.of(kind.case())
        variables = kind.variables(view.statement.circuit)
        assert len(variables) == count + 2
        rows = [view.without_openings(row) for row in view.jacobian(variables)]
    assert rank(rows) == count


@pytest.mark.parametrize("name", CASES)
def test_all_revealed_values_are_independent(name: str) -> None:
    """For every value of everything else, each value that a proof reveals is uniform: the joint rank is full."""
    view = View.of(CASES[name]())
    assert rank(view.jacobian()) == view.independent


UNDER_BLINDED = [kind for kind in KINDS if kind.case is CASES["margin"]]


@pytest.mark.parametrize("kind", UNDER_BLINDED, ids=lambda kind: kind.name)
def test_one_scalar_fewer_makes_revealed_values_depend_on_each_other(kind: Kind) -> None:
    with kind.changed(by=-1):
        view = View.of(kind.case())
        assert rank(view.jacobian()) < view.independent


def test_no_scalar_is_drawn_in_vain() -> None:
    """Without rotated columns there are exactly as many scalars as independent values."""
    view = View.of(margin())
    assert view.scalars == view.independent


# -- telling two portfolios apart --------------------------------------------------------------------------------------


def two_portfolios(fresh: Fresh) -> tuple[Case, Case]:
    """Two solvent accounts, one short where the other is long; a commitment opens to either."""
    case = fresh()
    books = [list(book) for book in case.venues["net"]]
    row, least = min(enumerate(case.net("net")), key=lambda entry: abs(entry[1]))
    books[0][row] -= 2 * least
    books[1][(row + 1) % len(books[1])] += 3
    return case, case.with_venues("net", books)


def explanations() -> tuple[bool, bool]:
    """Whether a proof by the first portfolio could be one by the first, and one by the second."""
    mine, other = two_portfolios(CASES["margin"])
    view = View.of(mine)
    blinding = Blinding()
    seen = view.at(blinding.draw(view.scalars))
    return view.explains(seen), view.for_portfolio(other).explains(seen)


def test_whoever_knows_tau_cannot_tell_two_portfolios_apart() -> None:
    assert explanations() == (True, True)


@pytest.mark.parametrize("kind", UNDER_BLINDED, ids=lambda kind: kind.name)
def test_whoever_knows_tau_tells_two_portfolios_apart_with_one_scalar_fewer(kind: Kind) -> None:
    """Among them a running sum of two scalars: phi(tau), phi(w zeta), and phi(w tau) through the quotient."""
    with kind.changed(by=-1):
        assert explanations() == (True, False)


# -- a commitment proven about twice ----------------------------------------------------------------------------------


def test_two_proofs_about_one_commitment_tell_nothing_together() -> None:
    """Nothing is drawn for the link between commitment and proof, so two proofs share rho alone, which C determines.

    For each portfolio that C opens to, both proofs have blinding scalars of their own that explain them.
    """
    mine, other = two_portfolios(CASES["margin"])
    first = View.of(mine)
    views = first, replace(first, challenges=View.of(mine).challenges)
    for view in views:
        seen = view.at(Blinding().draw(view.scalars))
        assert view.explains(seen)
        assert view.for_portfolio(other).explains(seen)


def test_a_holding_is_never_evaluated() -> None:
    """What a proof shows of C is its point: an evaluation beside it would bind the two."""
    for fresh in CASES.values():
        circuit = fresh().program.circuit
        assert not any(claim.column and claim.column.kind is ColumnKind.HOLDING for claim in circuit.evaluations)


# -- counting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_exactly_the_circuit_s_blinding_is_drawn(name: str, request: pytest.FixtureRequest) -> None:
    statement: Statement = request.getfixturevalue(f"{name}_statement")
    circuit = statement.circuit
    blinding = Blinding()
    statement.prove(blinding=blinding)
    columns = sum(circuit.blinding(index) for index in range(len(circuit.witness)))
    others = bool(circuit.lookups) + circuit.helpers + 3
    assert blinding.drawn == columns + others


def test_no_circuit_carries_counts_of_its_own(margin_statement: Statement) -> None:
    """They are the protocol's, not part of what a digest names."""
    with pytest.raises(TypeError, match="RUNNING_SUM_BLINDING"):
        replace(margin_statement.circuit, RUNNING_SUM_BLINDING=0)  # type: ignore[call-arg]


def test_counts_of_blinding_follow_from_use(catalogue_statement: Statement, ballot_statement: Statement) -> None:
    """One for the commitment, one for each claim, one more for a column read a row ahead."""

    def count(statement: Statement, label: str) -> int:
        return statement.circuit.blinding(statement.circuit.witness.index(label))

    assert count(catalogue_statement, "gross") == 2
    assert count(catalogue_statement, "running") == 4
    assert count(ballot_statement, "vote") == 2
    assert count(ballot_statement, "echo") == 3
