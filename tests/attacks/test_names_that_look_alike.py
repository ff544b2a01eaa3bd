"""The lie: "USDT" and "USDT " are two assets, and one wallet is five. Told by an exchange in its terms and reserves.

One wallet under five spellings of a chain counted five times, one key as a wallet and as a custodian twice. Who "held"
a wallet stood in no signed text: "audited by Deloitte" was printed beside it, and escape codes in it drew a verdict
onto the auditor's terminal. Own tokens called "BTC " or "usdt" stood for the real ones on a customer's page.

Refused now: names are ASCII in one spelling, and none looks like another of the same terms; a key is one custodian or
one wallet, once a chain; nothing is said of a holder but what the holder signed. tests/attacks/test_one_chain_twice.py
has the chains.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.solvency import CUSTODIAN_KEY, WALLET_KEY, epoch, reserves, terms

import zkmargin
from zkmargin.circuits.statements.solvency.files import write_reserves
from zkmargin.prover.signing import address_of_key, sign_reserves
from zkmargin.verifier.errors import ArgumentError, FormatError
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.statements.solvency.reserves import ReservesError, claim_of, read_reserves, verify_reserves
from zkmargin.verifier.statements.solvency.terms import Chain, Custodian, TermsError

BTC, USD = terms().assets
UNSEEN = [
    "USDT ",
    " USDT",
    "USD  T",
    "USDT\u200b",
    "\u202eTDSU",
    "USDT\x1b[2J",
    "\u0421\u041dF",
    "\uff35SDT",
    "",
    "U" * 65,
]
ALIKE = [
    ("USDT", "usdt"),
    ("FIL", "FlL"),
    ("FIL", "F1L"),
    ("SOL", "S0L"),
    ("corn", "com"),
    ("USD.e", "USD-e"),
    ("A", "A"),
]
DIFFERENT = [("ICX", "LCX"), ("BTC", "WBTC"), ("USDT", "USDC"), ("A001", "A011"), ("A000", "A00"), ("SHIB", "1000SHIB")]


@pytest.mark.parametrize("name", UNSEEN)
def test_a_name_shows_what_it_is(name: str) -> None:
    for changes in (
        {"exchange": name},
        {"assets": (replace(BTC, id=name), USD)},
        {"custodians": (Custodian(name, bytes(20)),)},
    ):
        with pytest.raises(TermsError, match="expected a name of 1 to 64 ASCII letters") as refusal:
            terms(**changes)
        assert str(refusal.value).isprintable()


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_no_two_names_look_alike(one: str, other: str) -> None:
    with pytest.raises(TermsError, match=r"assets: .*does not look like"):
        terms(assets=(replace(BTC, id=one), replace(USD, id=other)))
    with pytest.raises(TermsError, match=r"custodians: .*does not look like"):
        terms(custodians=(Custodian(one, bytes(20)), Custodian(other, b"\1" * 20)))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_names_that_differ_are_taken(one: str, other: str) -> None:
    terms(assets=(replace(BTC, id=one), replace(USD, id=other)))


def test_one_key_is_one_custodian() -> None:
    with pytest.raises(TermsError, match="one key is one custodian"):
        terms(custodians=(Custodian("vault", bytes(20)), Custodian("bank", bytes(20))))


def test_one_key_is_not_a_wallet_and_a_custodian() -> None:
    vault = reserves({"BTC": "1"}, key=CUSTODIAN_KEY, chain=None)
    wallet = reserves({"BTC": "1"}, key=CUSTODIAN_KEY)
    for both in ([vault, wallet], [wallet, vault], [wallet, wallet], [vault, vault]):
        with pytest.raises(ReservesError, match="expected each address once"):
            verify_reserves(both, terms(), epoch())


def test_a_wallet_counts_once_on_each_chain() -> None:
    two = terms(chains=(*terms().chains, Chain("eip155:10", 5, b"\xcd" * 32)))
    signed = [
        reserves({"BTC": amount}, of=two, chain=chain) for amount, chain in (("1", "eip155:1"), ("2", "eip155:10"))
    ]
    assert verify_reserves(signed, two, epoch(two)) == [0, 30_000, 0]
    with pytest.raises(ReservesError, match="expected each address once"):
        verify_reserves([*signed, reserves({"USD": "1"}, of=two, chain="eip155:10")], two, epoch(two))


def test_all_that_a_file_says_is_signed(tmp_path: Path) -> None:
    signed = reserves({"BTC": "1"})
    account = f"eip155:1:{format_address(address_of_key(WALLET_KEY))}"
    assert f"wallet: {account}\n" in signed.text
    assert signed.claim.name == account
    path = tmp_path / "r.json"
    write_reserves(path, signed, terms())
    document: dict[str, Any] = json.loads(path.read_text())
    assert read_reserves(path, terms(), epoch()) == signed
    for changes in (
        {"holder": "audited by Deloitte"},
        {"custodian": "vault"},
        {"chain": "eip155:1 \x1b[2J"},
        {"chain": "\u0435ip155:1"},
        {"address": format_address(bytes(20))},
        {"amounts": {"BTC": "2"}},
        {"amounts": {"BTC ": "1"}},
    ):
        path.write_text(json.dumps({**document, **changes}))
        with pytest.raises(FormatError) as refusal:
            read_reserves(path, terms(), epoch())
        assert str(refusal.value).isprintable()


def test_a_claim_is_of_a_wallet_or_of_a_custodian() -> None:
    address = address_of_key(CUSTODIAN_KEY)
    for chain, custodian in ((None, None), ("eip155:1", "vault")):
        claim = claim_of(chain, custodian, address, {"BTC": "1"}, terms())
        with pytest.raises(ReservesError, match="a custodian of the terms"):
            sign_reserves(claim, terms(), epoch(), CUSTODIAN_KEY)


def test_a_setup_too_small_is_refused_before_anybody_signs(tmp_path: Path) -> None:
    """Not a lie, but the same moment: found when the batches were proven, all had signed for an epoch for nothing."""
    (tmp_path / "b.csv").write_text("customer,asset,equity,debt,collateral\nanna,BTC,3,0,0\n")
    small = zkmargin.development_setup(64, out=tmp_path / "s.json")
    for setup in (small, tmp_path / "s.json"):
        with pytest.raises(ArgumentError, match=r"^setup: expected one of at least 128 rows, those of a batch, got 64"):
            zkmargin.commit_balances(terms(), tmp_path / "b.csv", setup, out=tmp_path / "w", rows=128)
        assert not (tmp_path / "w").exists()
