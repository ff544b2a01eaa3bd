"""The lie: all accounts are adequate, in books that nobody owes. Told by a broker about its whole business.

It lists books of its own invention, each of them comfortable, and proves that every one meets its requirement; what its
customers really hold is in no statement, or is on the other side of what it holds at its venues. Refused, where the
verifier asks for it: the books on the list must net, row by row, to what venues attest of the broker's own account.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.backends import fastest_backend, fastest_engine
from support.broker import Brokerage, at_the_edge, setup

import zkmargin
from zkmargin.circuits.markets.positions import Positions
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.circuits.statements.attestation import attest
from zkmargin.circuits.statements.broker.backing import UnbackedError, in_order, prove_backing
from zkmargin.circuits.statements.broker.verification import vanishing_point
from zkmargin.prover.signing import address_of_key
from zkmargin.verifier.curve import G1_GENERATOR
from zkmargin.verifier.errors import ArgumentError, FormatError, ProofRejected
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.broker.backing import Backing, backing_digest, verify_backing

KEYS = {"kestrel": bytes([1]) * 32, "marlin": bytes([2]) * 32}
CONTEXT = bytes(range(32))


@cache
def world() -> Brokerage:
    return at_the_edge(load_policy("span"), 4, surplus=1 << 20)


def attested(lots: Any, time: int | None = None, **changes: Any) -> tuple[Any, Any]:
    """The broker's own position at two venues, a third of it at the first."""
    market = world().market
    parts = {"kestrel": lots // 3, "marlin": lots - lots // 3}
    pairs = [
        attest(
            Positions(market.epoch.universe.digest, parts[venue]),
            **{
                "universe": market.universe,
                "account": bytes(19) + b"\1",
                "venue": venue,
                "private_key": KEYS[venue],
                "snapshot_time": market.epoch_time if time is None else time,
                "sequence": 1,
                "setup": setup(),
                "backend": fastest_backend(),
                **changes,
            },
        )
        for venue in KEYS
    ]
    return in_order([one for one, _ in pairs], [other for _, other in pairs], world().books)


@cache
def honest() -> Backing:
    given = attested(world().lots.sum(axis=0))
    return prove_backing(*given, world().books, world().opening, CONTEXT, setup(), fastest_backend())


def verify(backing: Backing, context: bytes = CONTEXT, **changes: Any) -> None:
    rows = world().lots.shape[1]
    base = vanishing_point(setup(), fastest_backend(), rows)
    books = changes.get("books", world().books)
    verify_backing(backing, context, books, changes.get("base", base), fastest_engine())


def test_books_that_net_to_the_position_are_accepted() -> None:
    verify(honest())


def test_one_lot_more_or_less_has_no_proof() -> None:
    for row in (0, 3):
        lots = world().lots.sum(axis=0)
        lots[row] += 1
        with pytest.raises(UnbackedError, match=f"the first being row {row}"):
            prove_backing(*attested(lots), world().books, world().opening, CONTEXT, setup(), fastest_backend())


def refuses(backing: Backing, **changes: Any) -> None:
    with pytest.raises(ProofRejected, match="do not net"):
        verify(backing, **changes)


def test_a_proof_is_of_its_list_its_position_and_its_statement() -> None:
    backing = honest()
    books = world().books
    fewer = replace(books, books=books.books[1:], proofs=books.proofs[1:])
    refuses(backing, books=fewer)
    refuses(backing, context=bytes(32))
    refuses(replace(backing, response=(backing.response + 1) % SCALAR_MODULUS))
    refuses(replace(backing, commitment=G1_GENERATOR))
    refuses(replace(backing, attestations=attested(world().lots.sum(axis=0))[0]))
    refuses(backing, base=G1_GENERATOR)


def test_a_forged_proof_about_other_books() -> None:
    """The prover's own comparison off: whatever delta it takes, D is no multiple of [Z]."""
    lots = world().lots.sum(axis=0)
    lots[3] += 1
    given = attested(lots)
    other = replace(world().opening, lots=np.concatenate([world().lots, (lots - world().lots.sum(axis=0))[None]]))
    refuses(prove_backing(*given, world().books, other, CONTEXT, setup(), fastest_backend()))


def test_positions_of_another_time_account_or_venue_twice() -> None:
    lots = world().lots.sum(axis=0)
    for changes, said in (
        ({"time": 1}, "another time"),
        ({"universe": bytes(32)}, "another universe"),
        ({"venue": "kestrel"}, "each venue once"),
    ):
        with pytest.raises(FormatError, match=said):
            attested(lots, **changes)
    backing = honest()
    with pytest.raises(ProofRejected, match="each venue once"):
        verify(replace(backing, attestations=backing.attestations[::-1]))
    with pytest.raises(ProofRejected, match="each venue once"):
        verify(replace(backing, attestations=()))


def test_from_files_to_a_verdict(tmp_path: Path) -> None:
    """Who asks for a position gets one or a rejection; who is shown one must say whose signatures count."""
    market, policy, lots = world().market, world().policy, world().lots
    accounts = {f"owner {k}": book for k, book in enumerate(lots)}
    listed, kept = tmp_path / "l.json", tmp_path / "o.json"
    zkmargin.commit_books(market, accounts, setup(), out=listed, openings=kept, at=market.epoch_time)
    bare = tmp_path / "bare.json"
    zkmargin.prove_broker(market, policy, listed, kept, setup(), broker="Tern", out=bare)
    signed, own = attested(lots.sum(axis=0))
    backed = tmp_path / "backed.json"
    given: dict[str, Any] = {"broker": "Tern", "attestations": list(signed), "secrets": list(own)}
    made = zkmargin.prove_broker(market, policy, listed, kept, setup(), out=backed, **given)
    assert made.statement.backing == backing_digest(signed)
    keys = {venue: address_of_key(key) for venue, key in KEYS.items()}

    def verdict(proof: Path, **trust: Any) -> Any:
        at = market.epoch_time + 1
        return zkmargin.verify_broker_proof(proof, listed, market, policy, setup(), at=at, **trust)

    found = verdict(backed, attestors=keys)
    assert (found.reason, found.authenticated) == (None, True)
    assert "kestrel" in found.behind
    found = verdict(backed, any_attestor=True)
    assert (found.reason, found.authenticated) == (None, False)
    assert "UNAUTHENTICATED" in found.to_table()["behind them"]
    with pytest.raises(ArgumentError, match="whose signatures count"):
        verdict(backed)
    assert "not a trusted attestor" in verdict(backed, attestors={**keys, "marlin": bytes(20)}).reason
    assert verdict(bare, attestors=keys).reason == "the statement names no position behind the books"
    assert verdict(bare).valid
    signed, own = attested(lots[0])
    given |= {"attestations": list(signed), "secrets": list(own)}
    with pytest.raises(UnbackedError):
        zkmargin.prove_broker(market, policy, listed, kept, setup(), **given)
    taken = backed.read_text().replace(found.proof.backing.to_json()["response"][2:], "0" * 64)
    backed.write_text(taken)
    assert "do not net" in verdict(backed, attestors=keys).reason
