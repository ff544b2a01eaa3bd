"""Arguments of the Python API are exact and named: what is refused, and that no message says how much."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.shell_desk import ACCOUNT, AT, VENUES

import zkmargin
from zkmargin.api.arguments import check_outputs, precious_kind, quantity_of, seconds_of
from zkmargin.api.key_files import write_opening_keys, write_signing_key
from zkmargin.circuits.statements.margin.market import Market
from zkmargin.verifier.errors import ArgumentError
from zkmargin.verifier.statements.margin import read_margin_proof


@pytest.fixture(scope="module")
def market(made_desk: Path) -> Market:
    return zkmargin.load_market(made_desk / "m.json", "span", made_desk / "s.json")


@pytest.mark.parametrize(
    ("quantity", "got"),
    [
        (12345.5, "a float"),
        (True, "a bool"),
        (np.float64(12345.5), "a float64"),
        (np.bool_(True), "a bool"),
        (float("nan"), "a float"),
        (Decimal("NaN"), "a Decimal that is no number"),
        (Decimal("Infinity"), "a Decimal that is no number"),
        (Fraction(12345, 2), "a Fraction"),
        (None, "a NoneType"),
        (b"12345", "a bytes"),
        (["12345"], "a list"),
    ],
)
def test_quantities_that_are_not_exact(market: Market, quantity: Any, got: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        zkmargin.evaluate(market, {"USD": quantity}, "span")
    assert str(caught.value).startswith("positions: USD: expected a decimal string, a Decimal or an int, got ")
    assert got in str(caught.value)
    assert "12345" not in str(caught.value)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6) | st.integers())
def test_exact_quantities_are_kept(value: Decimal | int) -> None:
    assert Decimal(quantity_of(value, "USD", "positions")) == value


def test_the_same_book_in_every_exact_form(market: Market) -> None:
    forms: list[Any] = ["12", Decimal("12.000"), 12, np.int64(12)]
    assert len({zkmargin.evaluate(market, {"USD": form}, "span").nlv_usd_e12 for form in forms}) == 1


def test_books_of_other_kinds(market: Market) -> None:
    frame = pl.DataFrame({"instrument": ["USD"], "quantity": ["1"]})
    for book, got in (
        (frame, "got a DataFrame"),
        ([("USD", "1")], "got a tuple"),
        ([["USD", "1"]], "got a list"),
        (json.dumps({"USD": "1"}), "got text"),
        ("instrument,quantity\nUSD,1\n", "got text"),
        (7, "got an int"),
        (None, "got a NoneType"),
        (b"b.csv", "got a bytes"),
        ({7: "1"}, "expected instrument ids as strings"),
    ):
        with pytest.raises(ArgumentError, match=f"^positions: .*{got}|^positions: {got}"):
            zkmargin.evaluate(market, book, "span")  # type: ignore[arg-type]


def test_errors_name_arguments_and_no_option(market: Market, made_desk: Path) -> None:
    setup = made_desk / "s.json"
    attestations = [made_desk / f"{venue}.attestation.json" for venue in VENUES]
    secrets = [made_desk / f"{venue}.opening.json" for venue in VENUES]
    common: dict[str, Any] = {"account": ACCOUNT, "venue": "kestrel", "key": made_desk / "kestrel.key", "setup": setup}
    calls: list[tuple[str, Any]] = [
        ("account", lambda: zkmargin.attest(market, {}, **{**common, "account": "0x12"})),
        ("snapshot_time", lambda: zkmargin.attest(market, {}, **common, snapshot_time=True)),
        ("snapshot_time", lambda: zkmargin.attest(market, {}, **common, snapshot_time=1.5)),  # type: ignore[arg-type]
        ("snapshot_time", lambda: zkmargin.attest(market, {}, **common, snapshot_time=1 << 60)),
        ("snapshot_time", lambda: zkmargin.attest(market, {}, **common, snapshot_time="yesterday")),
        ("key", lambda: zkmargin.attest(market, {}, **{**common, "key": 7})),
        ("setup", lambda: zkmargin.attest(market, {}, **{**common, "setup": 7})),
        ("market", lambda: zkmargin.attest({}, {}, **common)),  # type: ignore[arg-type]
        ("secrets", lambda: zkmargin.prove_margin(market, "span", attestations, secrets[:1], setup)),
        ("attestations", lambda: zkmargin.prove_margin(market, "span", attestations[0], secrets, setup)),  # type: ignore[arg-type]
        ("proof", lambda: zkmargin.verify([1], market, "span", setup, any_attestor=True, at=AT)),  # type: ignore[arg-type]
        ("policy", lambda: zkmargin.verify(made_desk / "p.json", market, {}, setup, any_attestor=True, at=AT)),  # type: ignore[arg-type]
        ("attestors", lambda: zkmargin.verify(made_desk / "p.json", market, "span", setup, attestors=ACCOUNT)),
        ("attestors", lambda: zkmargin.verify(made_desk / "p.json", market, "span", setup, attestors=["0x1"])),
        ("at", lambda: zkmargin.verify(made_desk / "p.json", market, "span", setup, any_attestor=True, at=1.0)),  # type: ignore[arg-type]
        ("terms", lambda: zkmargin.verify_file(made_desk / "p.json", setup, market=market, policy="span", terms="t")),
        ("policy", lambda: zkmargin.verify_file(made_desk / "p.json", setup, market=market)),
        ("chain", lambda: zkmargin.attest_reserves(made_desk / "t", "0x", {}, key=bytes(32))),
        ("amounts", lambda: zkmargin.attest_reserves("t", "0x", [("BTC", 1)], key=bytes(32), chain="c")),  # type: ignore[arg-type]
        ("amounts", lambda: zkmargin.attest_reserves("t", "0x", {"BTC": 1.5}, key=bytes(32), chain="c")),  # type: ignore[dict-item]
        ("reserves", lambda: zkmargin.prove_solvency("w", setup, "r.json")),
    ]
    for argument, call in calls:
        with pytest.raises(ArgumentError) as caught:
            call()
        assert caught.value.argument == argument
        assert str(caught.value).startswith(f"{argument}: ")
        assert "expected" in str(caught.value)
        assert "--" not in str(caught.value)


def test_seconds_at_the_ends_of_time() -> None:
    assert seconds_of(0, "at") == 0
    assert seconds_of(253_402_300_799, "at") == seconds_of("9999-12-31T23:59:59Z", "at")
    for instant in (-1, 253_402_300_800, "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"):
        with pytest.raises(ArgumentError):
            seconds_of(instant, "at")


def test_verify_file_is_verify(market: Market, made_desk: Path) -> None:
    proof, setup = made_desk / "p.json", made_desk / "s.json"
    found = zkmargin.verify_file(proof, setup, market=market, policy="span", at=AT, any_attestor=True)
    assert found == zkmargin.verify(proof, market, "span", setup, at=AT, any_attestor=True)
    with pytest.raises(zkmargin.ProofRejected, match="expired"):
        zkmargin.verify_file(proof, setup, market=market, policy="span", any_attestor=True)
    with pytest.raises(
        zkmargin.FormatError, match="expected a margin proof, a disclosure, a solvency statement or a broker's proof"
    ):
        zkmargin.verify_file(made_desk / "m.json", made_desk / "s.json")


def test_reprs_are_short_and_say_nothing_of_holdings(market: Market, made_desk: Path) -> None:
    policy, setup = zkmargin.load_policy("span"), zkmargin.load_setup(made_desk / "s.json")
    attestation, opening = zkmargin.attest(
        market,
        {"USD": "987654"},
        account=ACCOUNT,
        venue="kestrel",
        key=made_desk / "kestrel.key",
        setup=setup,
    )
    verdict = zkmargin.verify(made_desk / "p.json", market, policy, setup, at=AT, any_attestor=True)
    prover = zkmargin.margin_prover(market, policy, setup)
    data, universe = market.epoch.data, market.epoch.universe
    proof = read_margin_proof(made_desk / "p.json")
    for value in (market, market.epoch, data, universe, policy, setup, attestation, opening, verdict, prover, proof):
        assert len(repr(value)) < 600, type(value).__name__
        assert len(str(value)) < 600, type(value).__name__
        assert "987654" not in repr(value)


# -- files to write ----------------------------------------------------------------------------------------------------


def refused(outputs: dict[str, Any], expected: str, **options: Any) -> None:
    with pytest.raises(ArgumentError, match=expected):
        check_outputs(outputs, **options)


def test_an_output_is_no_input(tmp_path: Path) -> None:
    document, arrays, folder = tmp_path / "m.json", tmp_path / "m.npz", tmp_path / "work"
    document.write_text('{"format": "zkmargin/market", "arrays": "m.npz"}')
    arrays.write_bytes(b"")
    renamed = tmp_path / "renamed.json"
    renamed.write_bytes(document.read_bytes())
    folder.mkdir()
    link, hard = tmp_path / "link", tmp_path / "hard"
    link.symlink_to(document)
    hard.hardlink_to(document)
    for market in (document, str(document), [tmp_path / "x", document], tmp_path / "work" / ".." / "m.json"):
        for force in (False, True):
            refused({"out": document}, "which would be lost", inputs={"market": market}, force=force)
            refused({"out": link}, "which would be lost", inputs={"market": market}, force=force)
            refused({"out": hard}, "which would be lost", inputs={"market": market}, force=force)
    # Its arrays are as much an input, by the name that the document states, also as another output's arrays.
    for market in (document, renamed):
        refused({"out": arrays}, "which would be lost", inputs={"market": market})
        refused({"out": tmp_path / "m.other"}, "which would be lost", inputs={"market": market}, arrays=True)
    refused({"out": folder / "epoch.json"}, "which would be lost", inputs={"work": folder})
    refused({"out": tmp_path / "b.db"}, "would be lost", inputs={"customers": f"sqlite:///{tmp_path / 'b.db'}"})
    check_outputs({"out": tmp_path / "new.json"}, inputs={"market": document, "policy": "span"}, arrays=True)


def test_outputs_are_apart_and_can_be_written(tmp_path: Path) -> None:
    refused({"out": tmp_path / "a", "secret": tmp_path / "." / "a"}, "^secret: .*than that of the output out")
    refused({"out": tmp_path / "a.json", "plot": tmp_path / "a.npz"}, "npz|output out", arrays=True)
    refused({"out": tmp_path / "a.npz"}, "does not end in .npz", arrays=True)
    refused({"out": tmp_path}, "got a folder")
    refused({"out": Path("/dev/null")}, "got a device or a pipe")
    refused({"out": tmp_path / "no" / "a"}, "expected its folder to exist")
    refused({"out": 7}, "expected a path, got an int")
    # A document of another name whose arrays would go.
    (tmp_path / "a.json").write_text('{"format": "zkmargin/setup", "arrays": "a.npz"}')
    (tmp_path / "a.npz").write_bytes(b"")
    refused({"out": tmp_path / "a.market"}, "its arrays would replace those of", arrays=True)
    check_outputs({"out": tmp_path / "a.json", "secret": None}, arrays=True)


def test_what_is_precious_needs_force(made_desk: Path, tmp_path: Path) -> None:
    write_signing_key(tmp_path / "key")
    write_opening_keys(tmp_path / "id.pem", tmp_path / "pub.pem")
    (tmp_path / "d.json").write_text('{\n  "format": "zkmargin/deployment",\n "version": 1}')
    (tmp_path / "store").write_text('{"version": 3, "id": "a", "crypto": {"ciphertext": "00", "kdf": "scrypt"}}')
    (tmp_path / "c.ptau").write_bytes(b"ptau\x01\x00\x00\x00")
    (tmp_path / "c.json").write_text('{"format": "zkmargin/setup", "unsafe": false, "ceremony": {"name": "n"}}')
    (tmp_path / "o.json").write_text('{"format": "zkmargin/sealed-opening"}')
    (tmp_path / "opening.json").write_bytes((made_desk / "kestrel.opening.json").read_bytes())
    precious = [each for each in tmp_path.iterdir() if precious_kind(each)]
    assert sorted(precious) == sorted(tmp_path.iterdir())
    for each in precious:
        refused({"out": each}, "which is not replaced")
        check_outputs({"out": each}, force=True)
    for name in ("m.json", "s.json", "p.json", "kestrel.attestation.json", "none.json"):
        check_outputs({"out": made_desk / name})
