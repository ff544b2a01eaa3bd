"""The lie: one account, shown to two owners as theirs. Told by a broker whose two customers hold the same.

It lists one book, counts one requirement, and gives both the same file: each sees that a book like theirs is in the
list. Half of what is owed is in no statement. Refused: owners type the identifier that they know themselves by, the
account's id is a hash of it, and the file's must be theirs. Identifiers have one spelling, so that none looks like
another.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.broker import market_of, setup, some_books

import zkmargin
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.prover.setup import save_setup
from zkmargin.verifier.errors import FormatError, ProofRejected


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    save_setup(setup(), folder / "s.json")
    policy = load_policy("collateral-factors")
    market = market_of(policy)
    lots = some_books(market, 1)
    book = np.where(lots > 0, lots, 0)[0]
    kept = folder / "o.json"
    zkmargin.commit_books(
        market, {"j.smith@ash.example": book}, setup(), out=folder / "l.json", openings=kept, at=market.epoch_time
    )
    zkmargin.prove_broker(market, policy, folder / "l.json", kept, setup(), broker="Tern", out=folder / "p.json")
    zkmargin.make_broker_inclusion(
        folder / "p.json", folder / "l.json", kept, "j.smith@ash.example", out=folder / "i.json"
    )
    return folder


def check(folder: Path, owner: str) -> None:
    zkmargin.check_broker_inclusion(folder / "i.json", setup(), owner=owner, proof=folder / "p.json")


def test_the_owner_is_included_however_they_write_themselves(files: Path) -> None:
    check(files, "j.smith@ash.example")
    check(files, " J.Smith@Ash.example\n")


def test_the_other_is_not(files: Path) -> None:
    with pytest.raises(ProofRejected, match="another owner's"):
        check(files, "j.smith@birch.example")


def test_nor_when_the_file_says_their_name(files: Path) -> None:
    """The id is a hash of the name: another name in the file is another account."""
    path = files / "i.json"
    kept = path.read_text()
    path.write_text(json.dumps({**json.loads(kept), "owner": "j.smith@birch.example"}))
    with pytest.raises(ProofRejected, match="not in the list"):
        check(files, "j.smith@birch.example")
    path.write_text(kept)


@pytest.mark.parametrize("owner", ["", "j.smith@ash.example\u200b", "J.Smith", "\u0458.smith", "a  b", "x" * 257])
def test_names_that_look_alike_are_no_identifiers(owner: str) -> None:
    market = market_of(load_policy("collateral-factors"))
    book = np.zeros(market.epoch.universe.rows, dtype=np.int64)
    with pytest.raises(FormatError, match="identity document"):
        zkmargin.commit_books(market, {owner: book}, setup(), out="l.json", openings="o.json")
