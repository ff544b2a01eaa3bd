"""A whole solvency statement: what verifies, what does not, and what its files refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.backends import fastest_backend, fastest_engine
from support.solvency import (
    CUSTODIAN_KEY,
    MASTER,
    NONCE,
    ROWS,
    WALLET_KEY,
    batch,
    epoch,
    prover,
    reserves,
    setup,
    terms,
)

from zkmargin.circuits.statements.solvency.files import write_solvency
from zkmargin.circuits.statements.solvency.prover import BatchProver
from zkmargin.circuits.statements.solvency.settlement import InsolventError, prove_settlement, settle, sum_of_openings
from zkmargin.circuits.statements.solvency.verification import verification_keys
from zkmargin.prover.prove import Options
from zkmargin.prover.signing import address_of_key, sign_reserves
from zkmargin.verifier.curve import G1_GENERATOR, PythonEngine
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.solvency.accounts import Row
from zkmargin.verifier.statements.solvency.files import read_solvency
from zkmargin.verifier.statements.solvency.reserves import ReserveAttestation, ReservesError
from zkmargin.verifier.statements.solvency.statement import OpenedTotals, Solvency
from zkmargin.verifier.statements.solvency.terms import TOTALS, Terms
from zkmargin.verifier.statements.solvency.verify import SolvencyVerdict, verify_solvency

MIDDLE = 1 << 59
ENOUGH = {"BTC": "100", "USD": "1000"}


def statement_under(agreed: Terms, *signed: ReserveAttestation) -> Solvency:
    by = BatchProver(agreed, epoch(agreed), ROWS, setup(), fastest_backend())
    halves = [
        batch(index=0, high=MIDDLE),
        batch({"gina": [Row(1, 77, 0, 0)], "hugo": [Row(3, 10, 20, 15)]}, index=1, low=MIDDLE),
    ]
    proven = [by.prove(half, MASTER) for half in halves]
    return settle(
        agreed,
        NONCE,
        ROWS,
        [each for each, _ in proven],
        [opening for _, opening in proven],
        signed or [reserves(ENOUGH, of=agreed)],
        setup(),
        fastest_backend(),
    )


def verified(statement: Solvency) -> SolvencyVerdict:
    return verify_solvency(statement, verification_keys(statement, setup(), fastest_backend()), fastest_engine())


@pytest.fixture(scope="module")
def hidden() -> Solvency:
    return statement_under(terms())


@pytest.fixture(scope="module")
def public() -> Solvency:
    return statement_under(terms(totals="public"))


@pytest.mark.parametrize("coverage", ["asset", "value"])
@pytest.mark.parametrize("totals", ["hidden", "public"])
@pytest.mark.parametrize("count_debts", [True, False])
def test_every_kind_of_statement_verifies(coverage: str, totals: str, count_debts: bool) -> None:
    statement = statement_under(terms(coverage=coverage, totals=totals, count_debts=count_debts))
    verdict = verified(statement)
    assert verdict.batches == 2
    assert verdict.reserves == (0, 1_000_000, 100_000)
    if count_debts:
        assert verdict.totals["debt"] == (0, 1, 90_065)
        assert verdict.totals["collateral"] == (0, 120_000, 10_069)
    else:
        assert set(verdict.totals) == (set(TOTALS) if totals == "public" else set())
    if totals == "public":
        debts = np.array([0, 1, 90_065]) * int(count_debts)
        assert verdict.owed == tuple(np.array([0, 180_082, 24_124]) - debts)


def test_the_python_engine_agrees(hidden: Solvency) -> None:
    verify_solvency(hidden, verification_keys(hidden, setup(), fastest_backend()), PythonEngine())


def test_a_file_comes_back_as_it_was(hidden: Solvency, public: Solvency, tmp_path: Path) -> None:
    for statement in (hidden, public):
        write_solvency(tmp_path / "s.json", statement)
        assert read_solvency(tmp_path / "s.json") == statement


# -- batches -----------------------------------------------------------------------------------------------------------


def with_batch(statement: Solvency, index: int, **changes: Any) -> Solvency:
    batches = list(statement.batches)
    batches[index] = replace(batches[index], **changes)
    return replace(statement, batches=tuple(batches))


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


TAMPERINGS: dict[str, Callable[[Solvency], Solvency]] = {
    "a batch left out": lambda s: replace(s, batches=s.batches[:1]),
    "the first batch left out": lambda s: replace(s, batches=s.batches[1:]),
    "a batch twice": lambda s: replace(s, batches=(s.batches[0], *s.batches)),
    "batches exchanged": lambda s: replace(s, batches=s.batches[::-1]),
    "a gap between batches": lambda s: with_batch(s, 1, low=MIDDLE + 1),
    "an overlap of batches": lambda s: with_batch(s, 0, high=MIDDLE + 5),
    "a separator moved": lambda s: with_batch(with_batch(s, 0, high=MIDDLE + 1), 1, low=MIDDLE + 1),
    "fewer accounts": lambda s: with_batch(s, 0, accounts=s.batches[0].accounts - 1),
    "smaller totals": lambda s: with_batch(s, 0, equity=G1_GENERATOR),
    "larger debts": lambda s: with_batch(s, 1, debt=G1_GENERATOR),
    "another combination for customers": lambda s: with_batch(s, 1, batched_opening=G1_GENERATOR),
    "one batch's proof for another": lambda s: with_batch(s, 1, proof=s.batches[0].proof),
    "a proof with one evaluation changed": lambda s: with_batch(s, 0, proof=flipped(s.batches[0].proof, -160)),
    "another nonce": lambda s: replace(s, nonce=bytes(32)),
    "other prices": lambda s: replace(s, terms=replace(s.terms, value_decimals=5)),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_tampered_statement_is_rejected(hidden: Solvency, name: str) -> None:
    with pytest.raises((ProofRejected, ReservesError)):
        verified(TAMPERINGS[name](hidden))


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_tampered_statement_with_reserves_signed_again_is_rejected(hidden: Solvency, name: str) -> None:
    """So that reserves, which are signed for one epoch, are not what rejects it."""
    tampered = TAMPERINGS[name](hidden)
    claim = tampered.reserves[0].claim
    signed = sign_reserves(claim, tampered.terms, tampered.epoch, WALLET_KEY)
    with pytest.raises(ProofRejected):
        verified(replace(tampered, reserves=(signed,)))


def test_another_setup_is_refused(hidden: Solvency) -> None:
    other = replace(hidden, setup=bytes(32), reserves=())
    with pytest.raises(FormatError, match="another setup"):
        verified(other)


def test_a_batch_proven_twice_is_the_same_and_another_one_shares_no_blinding() -> None:
    first, again = (prover().prove(batch(), MASTER)[0] for _ in range(2))
    assert first == again
    assert prover().prove(batch(), bytes(32))[0].equity != first.equity
    other, opening = prover().prove(batch({"anna": [Row(1, 30_000, 0, 0)]}), MASTER)
    assert opening["equity"].blinding != prover().prove(batch(), MASTER)[1]["equity"].blinding
    assert not {first.proof[i : i + 64] for i in range(0, 1024, 64)} & {
        other.proof[i : i + 64] for i in range(0, 1024, 64)
    }


# -- reserves ----------------------------------------------------------------------------------------------------------


def test_reserves_that_fall_short_have_no_proof() -> None:
    for agreed in (terms(), terms(totals="public"), terms(coverage="value")):
        with pytest.raises(InsolventError):
            statement_under(agreed, reserves({"BTC": "14.2", "USD": "5"}, of=agreed))
    exactly = terms(count_debts=False)
    verified(statement_under(exactly, reserves({"BTC": "18.0082", "USD": "241.24"}, of=exactly)))
    with pytest.raises(InsolventError, match="reserves of USD are less"):
        statement_under(exactly, reserves({"BTC": "18.0082", "USD": "241.23"}, of=exactly))


@pytest.mark.parametrize("coverage", ["asset", "value"])
def test_a_forged_settlement_is_rejected(coverage: str) -> None:
    """Reserves that fall short, and a prover who goes on regardless."""
    agreed = terms(coverage=coverage, count_debts=False)
    honest = statement_under(agreed)
    by = BatchProver(agreed, epoch(agreed), ROWS, setup(), fastest_backend())
    halves = [
        batch(index=0, high=MIDDLE),
        batch({"gina": [Row(1, 77, 0, 0)], "hugo": [Row(3, 10, 20, 15)]}, index=1, low=MIDDLE),
    ]
    totals = sum_of_openings([by.prove(half, MASTER)[1] for half in halves])
    short = replace(honest, reserves=(reserves({"BTC": "18.0081", "USD": "1"}, of=agreed),))
    equity, held = totals["equity"], [0, 180_081, 100]
    proof = prove_settlement(short, equity, held, setup(), fastest_backend(), Options(check=False), check=False)
    with pytest.raises(ProofRejected, match="settlement"):
        verified(replace(short, settlement=proof))
    with pytest.raises(ProofRejected, match="settlement"):
        verified(replace(honest, reserves=short.reserves))


def test_published_totals_must_open_the_batches(public: Solvency) -> None:
    totals = public.totals
    equity, debt = totals["equity"], totals["debt"]
    for changed in (
        {"equity": replace(equity, amounts=(0, 180_081, 24_124))},
        {"debt": replace(debt, amounts=(0, 2, 90_065))},
        {"collateral": replace(totals["collateral"], amounts=(0, 0, 0))},
        {"equity": replace(equity, blinding=equity.blinding + 1)},
        {"equity": replace(equity, blinding=debt.blinding), "debt": replace(debt, blinding=equity.blinding)},
    ):
        with pytest.raises(ProofRejected, match="published totals of"):
            verified(replace(public, totals={**totals, **changed}))


@pytest.mark.parametrize(
    "amounts", [(0, 180_082 - SCALAR_MODULUS, 24_124), (0, 180_082 + SCALAR_MODULUS, 24_124), (0,)]
)
def test_published_totals_are_numbers_below_two_to_the_hundred(public: Solvency, amounts: tuple[int, ...]) -> None:
    """Modulo r they open the same commitments: an object, which no reader has seen, is checked all the same."""
    totals = {**public.totals, "equity": replace(public.totals["equity"], amounts=amounts)}
    with pytest.raises(FormatError, match="totals of equity: expected one below 2\\^100 for every asset"):
        verified(replace(public, totals=totals))


def test_hidden_and_published_totals_do_not_stand_for_each_other(hidden: Solvency, public: Solvency) -> None:
    with pytest.raises(ProofRejected, match="publish totals"):
        verified(replace(public, settlement=bytes(64)))
    with pytest.raises(ProofRejected, match="hide totals"):
        verified(replace(hidden, settlement=None))
    others: list[dict[str, OpenedTotals]] = [{}, dict(public.totals), dict(reversed(hidden.totals.items()))]
    for totals in others:
        with pytest.raises(FormatError, match="expected what the terms publish, in this order: debt, collateral"):
            replace(hidden, totals=totals)


def test_reserves_signed_by_the_wrong_key_or_for_another_time_do_not_count(hidden: Solvency) -> None:
    good = reserves(ENOUGH)
    stranger = replace(good.claim, address=address_of_key(CUSTODIAN_KEY))
    later = terms(chains=(replace(terms().chains[0], block=21_000_001),))
    other_block = sign_reserves(good.claim, later, epoch(), WALLET_KEY)
    other_epoch = sign_reserves(good.claim, terms(), bytes(32), WALLET_KEY)
    more = replace(good.claim, amounts=((1, 2_000_000), (2, 100_000)))
    for bad, why in (
        (replace(good, claim=stranger, text=stranger.text(terms(), epoch())), "to have signed"),
        (other_block, "block of the terms"),
        (replace(other_block, text=good.text), "to have signed"),
        (replace(other_epoch, text=good.text), "to have signed"),
        (replace(good, claim=more, text=more.text(terms(), epoch())), "to have signed"),
        (replace(good, claim=more), "expected a text"),
    ):
        with pytest.raises(ReservesError, match=why):
            verified(replace(hidden, reserves=(bad,)))
    with pytest.raises(ReservesError, match="expected each address once"):
        verified(replace(hidden, reserves=(good, good)))


def test_custodians_of_the_terms_count_and_no_others(hidden: Solvency) -> None:
    vault = reserves(ENOUGH, key=CUSTODIAN_KEY, chain=None)
    verified(statement_under(terms(), reserves({"BTC": "1"}), vault))
    with pytest.raises(ReservesError, match="custodian of the terms"):
        reserves(ENOUGH, key=WALLET_KEY, chain=None)
    with pytest.raises(ReservesError, match="chain of the terms"):
        reserves(ENOUGH, chain="eip155:137")
    with pytest.raises(ProofRejected, match="settlement"):
        verified(replace(hidden, reserves=(vault,)))


# -- files -------------------------------------------------------------------------------------------------------------


def test_damaged_files_are_refused(hidden: Solvency, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    write_solvency(path, hidden)
    document = json.loads(path.read_text())
    for field, value, why in (
        ("rows", 0, "rows"),
        ("batches", 3, "array"),
        ("nonce", "0x00", "nonce"),
        ("liabilities", "0x" + "00" * 32, "liabilities"),
        ("settlement", None, "settlement"),
        ("settlement", "0xzz", "hexadecimal"),
        ("totals", None, "an object"),
        ("totals", {}, "expected what the terms publish, in this order: debt, collateral"),
        ("totals", {**document["totals"], "debt": {"amounts": ["1"], "blinding": "0x" + "00" * 32}}, "3 whole numbers"),
        ("totals", dict(reversed(document["totals"].items())), "in this order: debt, collateral"),
        ("reserves", [7], "expected an object"),
        ("extra", 1, "no such field"),
        ("version", 1, "expected 2, got 1: ask the exchange for a statement of version 2"),
    ):
        path.write_text(json.dumps({**document, field: value}))
        with pytest.raises(FormatError, match=why):
            read_solvency(path)
    path.write_text(json.dumps(document))
    arrays = path.with_suffix(".npz")
    data = arrays.read_bytes()
    for damaged in (data[:-100], data[:5000] + b"\0" + data[5001:], data + b"\0"):
        arrays.write_bytes(damaged)
        with pytest.raises(FormatError, match="Keccak"):
            read_solvency(path)
