"""The lie: two sets of data under one epoch's id. Told by: the publisher of a market, or whoever passes it on.

Gained: a proof and a verdict about one set, and a delta or a disclosure read from the other, since fields that a policy
does not price were not in the id. Refused: the id hashes universe, time and every field of every instrument, and every
reader of a market computes it anew. The registry and the gate hash the same (`Registry.hashMarket`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.desk import Desk, instruments, preset_desk

import zkmargin
from zkmargin.chain.submission import read_market_terms
from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.statements.margin.market import (
    Market,
    read_epoch,
    read_market,
    read_universe_of_market,
    write_market,
)
from zkmargin.verifier.errors import FormatError, ProofRejected

ROWS = 256
BOOKS = [{"USD": "1000000", "BTC": "2"}]


@pytest.fixture(scope="module")
def desk() -> Desk:
    return preset_desk("span")


def epoch_of(document: dict[str, Any], of: MarketEpoch) -> MarketEpoch:
    """The epoch of a changed document over the same rows."""
    return MarketEpoch(of.universe, InstrumentSet.model_validate(document))


def plain(data: InstrumentSet) -> dict[str, Any]:
    return json.loads(json.dumps(data.public_data()))


def bumped(value: str) -> str:
    """Another value of the same form."""
    if value in ("call", "put"):
        return "put" if value == "call" else "call"
    if value.endswith("Z"):
        return value.replace("2026", "2027")
    return value + ("1" if "." in value else ".1")


@pytest.fixture(scope="module")
def base() -> MarketEpoch:
    return MarketEpoch.build(instruments(), rows=ROWS)


TERMS = {"id", "kind", "underlying", "expiry", "strike_usd", "option_type"}


def fields_of_data() -> list[tuple[str, str]]:
    """One of each kind of instrument, with each of its fields that is not a term of the listing."""
    seen = {entry["kind"]: entry for entry in plain(instruments())["instruments"]}
    return [(e["id"], name) for e in seen.values() for name in e if name not in TERMS and e["kind"] != "cash"]


@pytest.mark.parametrize(("instrument", "field"), fields_of_data())
def test_every_field_of_every_kind_is_in_the_id(base: MarketEpoch, instrument: str, field: str) -> None:
    document = plain(base.data)
    entry = next(each for each in document["instruments"] if each["id"] == instrument)
    entry[field] = bumped(entry[field])
    assert epoch_of(document, base).data_digest != base.data_digest


def with_observation(document: dict[str, Any]) -> None:
    document["instruments"][1]["price_time"] = "2026-03-02T06:59:59Z"


def with_forward(document: dict[str, Any]) -> None:
    next(each for each in document["instruments"] if each["kind"] == "future")["forward_usd"] = "1"


def with_funding(document: dict[str, Any]) -> None:
    next(each for each in document["instruments"] if each["kind"] == "perpetual")["funding_usd"] = "-0.25"


def with_history(document: dict[str, Any]) -> None:
    document["history"] = "0x" + "11" * 32


def with_fraction(document: dict[str, Any]) -> None:
    document["as_of"] = document["as_of"].replace("00Z", "00.5Z")


def without_an_instrument(document: dict[str, Any]) -> None:
    del document["instruments"][-1]


def with_settlement(document: dict[str, Any]) -> None:
    gone = next(each for each in document["instruments"] if each["kind"] == "perpetual")
    document["instruments"].remove(gone)
    document["settlements"] = [{"id": gone["id"], "payoff_usd": "-3.5", "settled_at": document["as_of"]}]


OPTIONAL = (
    with_observation,
    with_forward,
    with_funding,
    with_history,
    with_fraction,
    without_an_instrument,
    with_settlement,
)


@pytest.mark.parametrize("change", OPTIONAL, ids=lambda change: change.__name__)
def test_what_may_be_absent_is_in_the_id(base: MarketEpoch, change: Callable[[dict[str, Any]], None]) -> None:
    document = plain(base.data)
    change(document)
    assert epoch_of(document, base).data_digest != base.data_digest


def test_a_settlements_payoff_and_moment_are_in_the_id(base: MarketEpoch) -> None:
    found = set()
    for payoff, moment in (
        ("1", "2026-03-02T06:00:00Z"),
        ("1.1", "2026-03-02T06:00:00Z"),
        ("1", "2026-03-02T05:00:00Z"),
    ):
        document = plain(base.data)
        with_settlement(document)
        document["settlements"][0] |= {"payoff_usd": payoff, "settled_at": moment}
        found.add(epoch_of(document, base).data_digest)
    assert len(found) == 3


def test_order_and_spelling_are_not_data(base: MarketEpoch) -> None:
    document = plain(base.data)
    document["instruments"].reverse()
    document["instruments"][0]["mark_price_usd"] += (
        ".000" if "." not in document["instruments"][0]["mark_price_usd"] else "0"
    )
    assert epoch_of(document, base).data_digest == base.data_digest


@pytest.mark.parametrize(
    ("settlement", "problem"),
    [
        ({"id": "BTC"}, "of an instrument without a price"),
        ({"id": "GONE"}, "expected an instrument of the universe"),
        ({"id": "BTC-F1"}, "no earlier than its expiry"),
        ({"settled_at": "2027-01-01T00:00:00Z"}, "settled_at lies after as_of"),
    ],
)
def test_a_malformed_settlement_is_refused(base: MarketEpoch, settlement: dict[str, str], problem: str) -> None:
    document = plain(base.data)
    with_settlement(document)
    document["instruments"] = [each for each in document["instruments"] if each["id"] != "BTC-F1"]
    document["settlements"][0] |= settlement
    with pytest.raises(ValueError, match=problem):
        epoch_of(document, base)


def test_funding_is_not_passed_over_in_silence(desk: Desk) -> None:
    document = plain(desk.market.epoch.data)
    with_funding(document)
    with pytest.raises(FormatError, match="funding_usd"):
        desk.policy.public_columns(epoch_of(document, desk.market.epoch))


def readers(desk: Desk) -> dict[str, Callable[[Path], object]]:
    return {
        "verify and prove": lambda path: read_market(path, desk.policy, desk.setup, desk.backend),
        "attest and disclose": lambda path: read_universe_of_market(path, desk.setup),
        "evaluate": lambda path: read_epoch(path, desk.policy),
    }


def swapped(desk: Desk, folder: Path) -> tuple[Path, dict[str, Any], Market]:
    """The file of a market whose open interest, which the policy does not price, is another; under the same columns."""
    document = plain(desk.market.epoch.data)
    next(each for each in document["instruments"] if each["kind"] == "perpetual")["open_interest"] = "1"
    other = replace(desk.market, epoch=epoch_of(document, desk.market.epoch))
    path = folder / "m.json"
    write_market(path, other)
    return path, json.loads(path.read_text()), other


def test_other_data_under_the_same_id_are_refused_by_every_reader(desk: Desk, tmp_path: Path) -> None:
    path, document, other = swapped(desk, tmp_path)
    honest = desk.market
    assert other.commitments == honest.commitments
    assert other.epoch_id != honest.epoch_id
    path.write_text(json.dumps({**document, "data": "0x" + honest.epoch.data_digest.hex()}))
    for read in readers(desk).values():
        with pytest.raises(FormatError, match="field 'data'"):
            read(path)
    path.write_text(json.dumps({**document, "epoch": "0x" + honest.epoch_id.hex()}))
    for read in (readers(desk)["verify and prove"], readers(desk)["attest and disclose"], read_market_terms):
        with pytest.raises(FormatError, match="field 'epoch'"):
            read(path)


def test_a_proof_of_one_set_is_not_a_proof_of_the_other(desk: Desk, tmp_path: Path) -> None:
    path, _, other = swapped(desk, tmp_path)
    proof = desk.prove(BOOKS)
    at = desk.market.epoch_time + 1
    zkmargin.verify(proof, desk.market, desk.policy, desk.setup, at=at, any_attestor=True)
    for market in (path, other):
        with pytest.raises(ProofRejected, match="market epoch"):
            zkmargin.verify(proof, market, desk.policy, desk.setup, at=at, any_attestor=True)
