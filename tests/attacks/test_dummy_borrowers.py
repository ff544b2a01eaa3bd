"""The lie: "customers owe us 1,000 BTC, so that we owe 1,000 BTC less". Nobody does: the borrowers are the exchange's.

Told by an exchange whose BTC are gone, under terms that count debts. Each dummy pledges the exchange's own token, at
the exchange's own price. The statement was valid, and the report, without a row for BTC, said that no dummy account
makes liabilities smaller. Tiers that stopped one dummy of 1,000 BTC did not stop twenty of 50.

Refused now: where debts count, the totals of debt and collateral are published and capped by the terms, whoever borrows
and however many; terms count debts only when asked to; version 1 of them is refused by name. The same by a debt whose
lot is worth less than the unit of value: prices were rounded up, so that 6 USD cancelled 60,000. No rounding moves a
price by more than a millionth now, and debts that count are valued exactly and rounded down.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from support.backends import fastest_backend, fastest_engine
from support.solvency import CAPS, MASTER, NONCE, ROWS, batch, epoch, reserves, setup, terms

from zkmargin.circuits.statements.solvency.files import write_terms
from zkmargin.circuits.statements.solvency.prover import BatchProver
from zkmargin.circuits.statements.solvency.settlement import (
    InsolventError,
    prove_settlement,
    settle,
    sum_of_openings,
)
from zkmargin.circuits.statements.solvency.verification import verify_solvency_under_setup
from zkmargin.reports.solvency import render
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.statements.solvency.accounts import Row
from zkmargin.verifier.statements.solvency.reserves import verify_reserves
from zkmargin.verifier.statements.solvency.statement import Solvency
from zkmargin.verifier.statements.solvency.terms import Asset, Terms, TermsError, Tier, read_terms
from zkmargin.verifier.statements.solvency.verify import SolvencyVerdict, cover_value

ANNA = {"anna": [Row(1, 10_000_000, 0, 0)]}
"""1,000 BTC, which the exchange no longer has."""
TOKENS = {"OWN": "100000000"}


def dummies(count: int) -> dict[str, Sequence[Row]]:
    """Accounts that owe 1,000 BTC in all and pledge twice as much of the token, at its price of 100 USD."""
    lots = 10_000_000 // count
    return {f"dummy {i}": [Row(1, 0, 0, lots), Row(2, 0, 2 * lots, 0)] for i in range(count)}


def agreed(btc_debt: int, **changes: object) -> Terms:
    """Terms over BTC and the exchange's own token, with a cap on all debt in BTC."""
    btc = replace(terms().assets[0], tiers=terms().assets[0].tiers[:1], max_debt=Fraction(btc_debt))
    own = Asset("OWN", 4, Fraction(100), (Tier(Fraction(0), Fraction(3, 4)),), Fraction(1), *CAPS)
    return terms(assets=(btc, own), **changes)


def statement(under: Terms, customers: Mapping[str, Sequence[Row]]) -> Solvency:
    """What an exchange publishes whose prover checks nothing."""
    by = BatchProver(under, epoch(under), ROWS, setup(), fastest_backend())
    proven, opening = by.prove(batch(customers), MASTER)
    totals = sum_of_openings([opening])
    signed = reserves(TOKENS, of=under)
    published = {name: totals[name] for name in under.published}
    bare = Solvency(under, NONCE, setup().digest, ROWS, (proven,), (signed,), published, None)
    if under.totals == "public":
        return bare
    held = verify_reserves([signed], under, epoch(under))
    return replace(bare, settlement=prove_settlement(bare, totals["equity"], held, setup(), fastest_backend()))


def verdict(made: Solvency) -> SolvencyVerdict:
    return verify_solvency_under_setup(made, setup(), fastest_backend(), fastest_engine())


@pytest.mark.parametrize("coverage", ["asset", "value"])
@pytest.mark.parametrize("totals", ["hidden", "public"])
@pytest.mark.parametrize("count", [1, 20])
def test_twenty_dummies_fail_as_one_does(count: int, totals: str, coverage: str) -> None:
    under = agreed(999, totals=totals, coverage=coverage)
    customers = {**ANNA, **dummies(count)}
    with pytest.raises(ProofRejected, match="debt in BTC is more than the terms' max_debt"):
        verdict(statement(under, customers))
    by = BatchProver(under, epoch(under), ROWS, setup(), fastest_backend())
    proven, opening = by.prove(batch(customers), MASTER)
    parts = [proven], [opening], [reserves(TOKENS, of=under)], setup(), fastest_backend()
    with pytest.raises(InsolventError, match="debt in BTC"):
        settle(under, NONCE, ROWS, *parts)


def test_a_published_total_of_debt_cannot_be_smaller_than_it_is() -> None:
    made = statement(agreed(999), {**ANNA, **dummies(20)})
    smaller = replace(made.totals["debt"], amounts=(0, 1, 0))
    with pytest.raises(ProofRejected, match="published totals of debt are not those"):
        verdict(replace(made, totals={**made.totals, "debt": smaller}))


def test_the_cap_on_collateral_stops_tokens_of_ones_own() -> None:
    under = agreed(1_000_000)
    own = replace(under.assets[1], max_collateral=Fraction(1_999))
    with pytest.raises(ProofRejected, match="collateral in OWN is more than the terms' max_collateral"):
        verdict(statement(replace(under, assets=(under.assets[0], own)), {**ANNA, **dummies(20)}))


def test_terms_that_allow_it_show_it() -> None:
    under = agreed(1_000_000)
    made = statement(under, {**ANNA, **dummies(20)})
    found = verdict(made)
    assert found.totals == {"debt": (0, 10_000_000, 0), "collateral": (0, 0, 20_000_000)}
    page = render(made, found, None, setup="a setup", unsafe_setup=False)
    assert "<td>BTC</td>" in page
    assert '<td class="n">1000</td><td class="n">1000000</td>' in page
    assert "no dummy" not in page


def test_debts_do_not_count_unless_terms_ask_for_it(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    write_terms(path, terms(count_debts=False))
    document = json.loads(path.read_text())
    del document["count_debts"]
    path.write_text(json.dumps(document))
    under = read_terms(path)
    assert not under.count_debts
    path.write_text(json.dumps({**document, "version": 1}))
    with pytest.raises(FormatError, match="'version': expected 2, got 1: write terms of version 2"):
        read_terms(path)
    path.write_text(json.dumps({**document, "count_debts": True}))
    with pytest.raises(TermsError, match="asset BTC: max_debt: expected a cap"):
        read_terms(path)


# -- a lot that is worth less than the unit of value -------------------------------------------------------------------


def dust(value_decimals: int, **changes: object) -> Terms:
    """DUST, of which a lot is worth 10^-8 USD."""
    coin = Asset("DUST", 4, Fraction(1, 10**4), (Tier(Fraction(0), Fraction(1)),), Fraction(1), *CAPS)
    return terms(assets=(coin, terms().assets[1]), coverage="value", value_decimals=value_decimals, **changes)


@pytest.mark.parametrize("count_debts", [True, False])
def test_a_lot_worth_less_than_the_unit_of_value_is_refused(count_debts: bool) -> None:
    coin = dust(8).assets[0]
    if not count_debts:
        coin = replace(coin, max_debt=None, max_collateral=None)
    with pytest.raises(TermsError, match=r"DUST: .*rounding moves its price by more than a millionth"):
        terms(assets=(coin,), coverage="value", value_decimals=4, count_debts=count_debts)


@pytest.mark.parametrize(
    ("price", "ratio", "value_decimals", "column"),
    [
        ("0.0001", "1", 7, "price"),
        ("0.100001", "1", 8, "price"),
        ("1", "0.333333333", 8, "rate"),
        ("7", "1", 8, "width"),
    ],
)
def test_no_rounding_of_more_than_a_millionth(price: str, ratio: str, value_decimals: int, column: str) -> None:
    tiers = (Tier(Fraction(0), Fraction(ratio)), Tier(Fraction(1), Fraction(0)))
    coin = Asset("COIN", 4, Fraction(price), tiers, Fraction(1), *CAPS)
    with pytest.raises(TermsError, match=f"rounding moves its {column} by more than a millionth"):
        terms(assets=(coin,), value_decimals=value_decimals)
    fine = replace(coin, decimals=12, tiers=(tiers[0], replace(tiers[1], from_usd=Fraction(10_000))))
    terms(assets=(fine,), value_decimals=24)


def test_debts_that_count_are_rounded_down() -> None:
    third = replace(dust(8).assets[0], price_usd=Fraction("1.0000000003"), decimals=4)
    under = terms(assets=(third,), coverage="value", value_decimals=12)
    assert under.table_rows[0].price == 100_000_001  # 100,000,000.03, rounded up
    assert cover_value(under, (0, 0), (0, 60_000)) == 6_000_000_001_800
