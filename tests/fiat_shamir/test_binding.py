"""Every byte that must be bound changes every later challenge, and no earlier one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
from support.statements import Statement

from zkmargin.verifier.circuit import Circuit
from zkmargin.verifier.curve import G1
from zkmargin.verifier.proof import Proof, PublicInputs
from zkmargin.verifier.transcript import Transcript
from zkmargin.verifier.verify import derive_challenges

Outcome = dict[str, Any]
"""What a transcript gives, by name and in order."""


@dataclass(frozen=True)
class Bound:
    """Everything that the challenges of one proof depend on."""

    circuit: Circuit
    key_digest: bytes
    setup_digest: bytes
    public: PublicInputs
    proof: Proof

    def outcome(self) -> Outcome:
        """The challenges, and the bytes that a batch draws its coefficients from; beta where there is one."""
        setup = SimpleNamespace(digest=self.setup_digest)
        key: Any = SimpleNamespace(digest=self.key_digest, setup=setup, circuit=self.circuit)
        at, binding = derive_challenges(key, self.public, self.proof)
        beta = {"beta": at.beta} if self.circuit.fractions else {}
        return {
            "alpha": at.alpha,
            "gamma": at.gamma,
            **beta,
            "y": at.y,
            "zeta": at.zeta,
            "v": at.v,
            "z": at.z,
            "binding": binding,
        }


def flips(data: bytes) -> Iterator[bytes]:
    """The bytes with one bit of one byte flipped, for every byte."""
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1 << (position % 8)
        yield bytes(changed)


def flipped_points(point: G1) -> Iterator[G1]:
    """A point with one byte of either coordinate changed; off the curve, which the transcript does not mind."""
    for data in flips(point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")):
        yield G1(int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big"))


def flipped_scalars(value: int) -> Iterator[int]:
    for data in flips(value.to_bytes(32, "big")):
        yield int.from_bytes(data, "big")


def each(values: Sequence[Any], alternatives: Callable[[Any], Iterator[Any]]) -> Iterator[tuple[Any, ...]]:
    """The tuple with one member replaced by each of its alternatives."""
    for position, value in enumerate(values):
        for other in alternatives(value):
            yield (*values[:position], other, *values[position + 1 :])


def changes_before_the_proof(bound: Bound) -> Iterator[tuple[str, Bound]]:
    """Every byte of key, setup and statement."""
    public = bound.public
    for digest in flips(bound.key_digest):
        yield "key", replace(bound, key_digest=digest)
    for digest in flips(bound.setup_digest):
        yield "setup", replace(bound, setup_digest=digest)

    def with_public(**fields: Any) -> Bound:
        return replace(bound, public=replace(public, **fields))

    for context in flips(public.context):
        yield "context", with_public(context=context)
    for scalars in each(public.scalars, flipped_scalars):
        yield "scalars", with_public(scalars=scalars)
    for holdings in each(public.holdings, lambda venues: each(venues, flipped_points)):
        yield "venues", with_public(holdings=holdings)
    for market in each(public.market, flipped_points):
        yield "market", with_public(market=market)


def changes_in_the_proof(bound: Bound) -> Iterator[tuple[str, str, Bound]]:
    """Every byte of the proof, with the first challenge that depends on it."""
    for field, first in (
        ("witness", "alpha"),
        ("multiplicities", "alpha"),
        ("helpers", "y"),
    ):
        for points in each(getattr(bound.proof, field), flipped_points):
            yield field, first, replace(bound, proof=replace(bound.proof, **{field: points}))
    for evaluations in each(bound.proof.evaluations, flipped_scalars):
        yield "evaluations", "v", replace(bound, proof=replace(bound.proof, evaluations=evaluations))
    for field, first in (("running_sum", "y"), ("quotient", "zeta"), ("opening", "z"), ("opening_check", "binding")):
        for point in flipped_points(getattr(bound.proof, field)):
            yield field, first, replace(bound, proof=replace(bound.proof, **{field: point}))


def assert_changes_exactly_from(first: str, before: Outcome, after: Outcome) -> None:
    names = list(before)
    assert [name for name in names if before[name] != after[name]] == names[names.index(first) :]


def bound_of(statement: Statement) -> Bound:
    key = statement.verifying
    return Bound(key.circuit, key.digest, key.setup.digest, statement.public, statement.decoded)


@pytest.fixture(scope="session", params=["catalogue", "grouped", "ballot"])
def bound(request: pytest.FixtureRequest) -> Bound:
    return bound_of(request.getfixturevalue(f"{request.param}_statement"))


def test_every_byte_of_key_setup_and_statement_changes_every_challenge(bound: Bound) -> None:
    before = bound.outcome()
    seen = {"key": 0, "setup": 0, "context": 0, "scalars": 0, "venues": 0, "market": 0}
    for name, changed in changes_before_the_proof(bound):
        assert_changes_exactly_from("alpha", before, changed.outcome())
        seen[name] += 1
    venues = sum(len(points) for points in bound.public.holdings)
    scalars, market = len(bound.public.scalars), len(bound.public.market)
    expected = {"scalars": 32 * scalars, "venues": 64 * venues, "market": 64 * market}
    assert seen == {"key": 32, "setup": 32, "context": 32, **expected}


def test_every_byte_of_the_proof_changes_every_later_challenge_and_no_earlier_one(bound: Bound) -> None:
    before = bound.outcome()
    count = 0
    for _, first, changed in changes_in_the_proof(bound):
        assert_changes_exactly_from(first, before, changed.outcome())
        count += 1
    assert count == len(bound.proof.encode())


def test_the_challenges_of_one_proof_are_all_different(bound: Bound) -> None:
    outcome = bound.outcome()
    assert len(set(outcome.values())) == len(outcome)


# -- structure ---------------------------------------------------------------------------------------------------------


def restructured(public: PublicInputs) -> Iterator[tuple[str, PublicInputs]]:
    """The same points, read as another statement."""
    spot, perp = public.holdings
    yield "a venue moved to the next holding", replace(public, holdings=(spot[:1], (spot[1], *perp)))
    yield "a venue moved to the previous holding", replace(public, holdings=((*spot, perp[0]), perp[1:]))
    yield "venues in another order", replace(public, holdings=(spot[::-1], perp))
    yield "holdings in another order", replace(public, holdings=(perp, spot))
    yield "a venue left out", replace(public, holdings=(spot[:1], perp))
    yield "a venue given twice", replace(public, holdings=((*spot, spot[0]), perp))
    yield (
        "a venue given as market column",
        replace(public, holdings=(spot, perp[:-1]), market=(perp[-1], *public.market)),
    )
    yield "market columns in another order", replace(public, market=public.market[::-1])
    yield "scalars in another order", replace(public, scalars=public.scalars[::-1])


def test_the_same_points_read_as_another_statement_change_every_challenge(catalogue_statement: Statement) -> None:
    bound = bound_of(catalogue_statement)
    before = bound.outcome()
    for _, public in restructured(bound.public):
        assert_changes_exactly_from("alpha", before, replace(bound, public=public).outcome())


def test_exchanged_points_of_a_round_change_its_challenges(catalogue_statement: Statement) -> None:
    bound = bound_of(catalogue_statement)
    before = bound.outcome()
    for field, first in (("witness", "alpha"), ("helpers", "y")):
        points = getattr(bound.proof, field)
        proof = replace(bound.proof, **{field: (points[1], points[0], *points[2:])})
        assert_changes_exactly_from(first, before, replace(bound, proof=proof).outcome())


def test_key_digest_names_circuit_and_fixed_columns(catalogue_statement: Statement) -> None:
    """What the transcript absorbs as 32 bytes stands for all of the circuit."""
    key = catalogue_statement.verifying
    circuit = key.circuit
    digests = {key.digest}
    for changed in (
        replace(circuit, name="another"),
        replace(circuit, scalars=(*circuit.scalars[:-1], replace(circuit.scalars[-1], bits=11))),
        replace(circuit, identities=circuit.identities[::-1]),
        replace(circuit, sums=circuit.sums[::-1]),
        replace(circuit, sums=(replace(circuit.sums[0], constant=1), *circuit.sums[1:])),
        replace(circuit, lookups=circuit.lookups[::-1]),
        replace(circuit, sparse=(replace(circuit.sparse[0], entries=((1, 1),)), *circuit.sparse[1:])),
        replace(circuit, masks=(replace(circuit.masks[0], offsets=(0, 2)),)),
        replace(circuit, table_bits=4),
        replace(circuit, rows=64),
    ):
        digests.add(replace(key, circuit=changed).digest)
    for position in range(len(key.fixed)):
        fixed = (*key.fixed[:position], key.fixed[position - 1], *key.fixed[position + 1 :])
        digests.add(replace(key, fixed=fixed).digest)
    assert len(digests) == 1 + 10 + len(key.fixed)


# -- the transcript itself ---------------------------------------------------------------------------------------------


def test_a_challenge_moves_the_state_on() -> None:
    transcript = Transcript(b"preamble")
    before = transcript.digest()
    first, second = transcript.challenge(), transcript.challenge()
    assert first != second
    assert transcript.digest() != before


def test_how_a_message_is_cut_matters() -> None:
    """One absorption of two messages is not two absorptions: rounds are absorbed whole, as the format fixes them."""
    whole, parts = Transcript(b""), Transcript(b"")
    whole.absorb(b"ab")
    parts.absorb(b"a")
    parts.absorb(b"b")
    assert whole.digest() != parts.digest()


def test_challenges_are_canonical_and_below_r() -> None:
    transcript = Transcript(b"many")
    challenges = [transcript.challenge() for _ in range(1000)]
    assert len(set(challenges)) == 1000
    assert max(challenges) < 2**254
    # r is about 0.76 * 2^254: reduced values fill all of it, not one half.
    assert sum(challenge > 2**252 for challenge in challenges) > 500
