"""The lie: "our own position at kestrel stands behind these books". It is somebody else's. Told by a broker.

A friend with an account at a venue that everybody trusts lends attestations and openings for a day; the broker lists
books that net to them. The verdict called it the broker's own position, and named no account. Refused: the verdict says
whose position it is, and a verifier who names the broker's account gets a rejection of any other. Nor does a statement
that names one position, or none, pass with another beside it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.backends import fastest_backend
from support.broker import at_the_edge, setup

import zkmargin
from zkmargin.circuits.markets.positions import Positions
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.circuits.statements.attestation import attest
from zkmargin.prover.signing import address_of_key
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.statements.broker.backing import NO_BACKING

KEY = bytes([1]) * 32
NAMES_ANOTHER = "the statement names another position behind the books"
FRIEND, BROKER = bytes(19) + b"\1", bytes(19) + b"\2"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The folder of a list that nets to the friend's position, and the world it is of."""
    folder = tmp_path_factory.mktemp("borrowed")
    world = at_the_edge(load_policy("collateral-factors"), 2, surplus=1 << 20)
    market, lots = world.market, world.lots
    accounts = {f"owner {k}": book for k, book in enumerate(lots)}
    zkmargin.commit_books(
        market, accounts, setup(), out=folder / "l.json", openings=folder / "o.json", at=market.epoch_time
    )
    signed, opening = attest(
        Positions(market.epoch.universe.digest, lots.sum(axis=0)),
        universe=market.universe,
        account=FRIEND,
        venue="kestrel",
        private_key=KEY,
        snapshot_time=market.epoch_time,
        sequence=1,
        setup=setup(),
        backend=fastest_backend(),
    )
    for name, given in (("p", {"attestations": [signed], "secrets": [opening]}), ("bare", {})):
        zkmargin.prove_broker(
            market,
            world.policy,
            folder / "l.json",
            folder / "o.json",
            setup(),
            broker="Tern",
            out=folder / f"{name}.json",
            **given,
        )
    return folder, world


def verdict(made: tuple[Path, Any], proof: Any = "p.json", **given: Any) -> Any:
    folder, world = made
    given = {"attestors": {"kestrel": address_of_key(KEY)}, **given}
    return zkmargin.verify_broker_proof(
        folder / proof if isinstance(proof, str) else proof,
        folder / "l.json",
        world.market,
        world.policy,
        setup(),
        at=world.market.epoch_time + 1,
        **given,
    )


def test_the_verdict_says_whose_position_it_is(made: tuple[Path, Any]) -> None:
    found = verdict(made)
    assert found.valid
    assert found.to_json()["account"] == format_address(FRIEND)
    assert format_address(FRIEND) in found.to_table()["behind them"]
    assert "own" not in found.behind


def test_a_verifier_who_names_the_brokers_account_is_shown_no_other(made: tuple[Path, Any]) -> None:
    assert verdict(made, account=FRIEND).valid
    found = verdict(made, account=format_address(BROKER))
    assert found.reason == "the position behind the books is of another account"
    found = verdict(made, "bare.json", account=BROKER, attestors=())
    assert found.reason == "the statement names no position behind the books"


def test_a_statement_names_the_position_beside_it(made: tuple[Path, Any]) -> None:
    proof = verdict(made).proof
    named = replace(proof, statement=replace(proof.statement, backing=NO_BACKING))
    assert verdict(made, named).reason == NAMES_ANOTHER
    assert verdict(made, replace(proof, backing=None), attestors=()).reason == NAMES_ANOTHER
    bare = verdict(made, "bare.json", attestors=()).proof
    assert verdict(made, replace(bare, backing=proof.backing)).reason == NAMES_ANOTHER
