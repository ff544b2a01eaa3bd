"""One grammar of amounts in every format: accepted exactly when it matches, and then equal to what Decimal makes."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.solvency import terms

from zkmargin.circuits.markets.entries import read_positions
from zkmargin.circuits.markets.instruments import InstrumentSet, Spot
from zkmargin.circuits.markets.models import parse_model
from zkmargin.circuits.markets.positions import positions_from_quantities
from zkmargin.circuits.markets.units import QUANTITY_BITS, parse_decimal
from zkmargin.circuits.markets.universe import Universe
from zkmargin.exchange.balances import open_balances
from zkmargin.verifier.decimals import decimals_of, in_units, is_decimal
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.statements.solvency.reserves import claim_of
from zkmargin.verifier.statements.solvency.terms import decimal_fraction

GRAMMAR: Final = re.compile("-?[0-9]{1,30}([.][0-9]{1,30})?", re.ASCII)
ODD: Final = (
    *("12.000.000", "1,5", "1_000", "1e3", "1E3", "+1", "--1", "-", "", ".", "1.", ".5", " 1", "1 ", "1\u00a0000"),
    *("１２", "٣", "१", "NaN", "inf", "-Infinity", "0x10", "1/2", "½", "\u22125", "1\u200b", "00", "-0", "-0.0"),
    *("007.500", "0" * 30, "0" * 31, "9" * 30 + "." + "9" * 30, "1." + "0" * 30, "1." + "0" * 31, "1" * 5000),
    *("12345678901.000000000000000000000001", "0.1", "1.10", "1\n", "1\x00", "'1", '"1"', "1d", "1'000", "1;5"),
)
TEXTS: Final = st.one_of(
    st.from_regex(GRAMMAR, fullmatch=True),
    st.text(alphabet="0123456789.-+eE ,_１٣", max_size=12),
    st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9).map(str),
    st.sampled_from(ODD),
)


def universe() -> Universe:
    spot = {"id": "BTC", "kind": "spot", "underlying": "BTC", "mark_price_usd": "95000"}
    return Universe.create(
        InstrumentSet.model_validate({"as_of": "2026-03-02T08:00:00Z", "instruments": [spot]}).instruments
    )


UNIVERSE: Final = universe()
BTC: Final = UNIVERSE.by_id["BTC"]


def exact(text: str) -> Fraction | None:
    """What the grammar says."""
    return Fraction(Decimal(text)) if GRAMMAR.fullmatch(text) else None


def taken(read: Callable[[], Any]) -> Any:
    """What a reader makes of it; None when it refuses."""
    try:
        return read()
    except FormatError:
        return None


@given(TEXTS)
@example("12.000.000")
def test_the_grammar_itself(text: str) -> None:
    assert is_decimal(text) == (exact(text) is not None)
    if exact(text) is not None:
        assert Fraction(parse_decimal(text)) == exact(text)
        for decimals in (0, 8, 18):
            assert in_units(parse_decimal(text), decimals) == Fraction(Decimal(text)) * 10**decimals
        assert decimals_of(Decimal(text)) == next(
            k for k in range(31) if (Fraction(Decimal(text)) * 10**k).denominator == 1
        )
    else:
        with pytest.raises(ValueError, match="expected"):
            parse_decimal(text)


@given(TEXTS)
def test_quantities_of_the_api(text: str) -> None:
    value = exact(text)
    lots = None if value is None else value * 10**BTC.lot_exponent
    fits = lots is not None and lots.denominator == 1 and abs(lots) < 1 << QUANTITY_BITS
    found = taken(lambda: positions_from_quantities(UNIVERSE, {"BTC": text}).lots[BTC.row])
    assert found == (int(lots) if fits and lots is not None else None)


@given(TEXTS)
def test_prices_ratios_and_reserves(text: str) -> None:
    value = exact(text)
    spot = {"id": "BTC", "kind": "spot", "underlying": "BTC", "mark_price_usd": text}
    price = taken(lambda: Fraction(parse_model(Spot, spot, "spot").mark_price_usd))
    assert price == (value if value is not None and 0 < value < 10**15 else None)
    positive = value is not None and not text.startswith("-")
    assert taken(lambda: decimal_fraction(text, "here")) == (value if positive else None)
    lots = None if value is None or not positive else value * 10**4
    reserved = taken(lambda: claim_of("eip155:1", None, bytes(20), {"BTC": text}, terms()).amounts)
    fits = lots is not None and lots.denominator == 1 and 0 < lots < 1 << 90
    assert reserved == (((1, int(lots)),) if fits and lots is not None else None)


def lots_in(path: Path) -> int | None:
    return taken(lambda: int(read_positions(path, UNIVERSE).lots[BTC.row]))


def equities_in(path: Path) -> list[list[int]] | None:
    return taken(lambda: [part.equity.tolist() for part in open_balances(str(path)).holdings(terms())])


def test_files(tmp_path: Path) -> None:
    """Through files one by one: what a CSV cannot hold as a bare field is quoted."""
    for text in (*ODD, "12.5", "-3", "0.0001", "115292150460684.6975", "115292150460684.6976", "1.23456789"):
        value = exact(text)
        if set(text) & set("\n\0"):
            continue
        field = '"' + text.replace('"', '""') + '"'
        book = tmp_path / "book.csv"
        book.write_text(f"instrument,quantity\nBTC,{field}\n", encoding="utf-8")
        lots = None if value is None else value * 10**BTC.lot_exponent
        fits = lots is not None and lots.denominator == 1 and abs(lots) < 1 << QUANTITY_BITS
        found = lots_in(book)
        assert found == (int(lots) if fits and lots is not None else None), text

        lots = None if value is None or text.startswith("-") else value * 10**4
        fits = lots is not None and lots.denominator == 1 and lots < (1 << QUANTITY_BITS) // 10**4 * 10**4
        expected = int(lots) if fits and lots is not None else None
        table, parquet = tmp_path / "b.csv", tmp_path / "b.parquet"
        table.write_text(f"customer,asset,equity,debt,collateral\na,BTC,{field},0,0\n", encoding="utf-8")
        pl.DataFrame(
            {"customer": ["a"], "asset": ["BTC"], "equity": [text], "debt": ["0"], "collateral": ["0"]}
        ).write_parquet(parquet)
        for path in (table, parquet):
            rows = equities_in(path)
            assert rows == (None if expected is None else [[expected]]), (path.suffix, text)


NOT_QUANTITIES: Final = (
    *(1.5, float("nan"), True, False, None, b"1", ["1"], Decimal("NaN"), Decimal("Infinity"), Decimal("1e400")),
)


@pytest.mark.parametrize("quantity", NOT_QUANTITIES)
def test_other_types_in_the_api_are_refused_by_name(quantity: object) -> None:
    with pytest.raises(FormatError, match=r"^BTC: field 'quantity': expected"):
        positions_from_quantities(UNIVERSE, {"BTC": quantity})  # type: ignore[dict-item]


@pytest.mark.parametrize("name", [1, True, None, b"BTC", ("BTC",)])
def test_ids_in_the_api_are_text(name: object) -> None:
    with pytest.raises(FormatError, match="field 'instrument': expected an id as text"):
        positions_from_quantities(UNIVERSE, {name: "1"})  # type: ignore[dict-item]


def test_whole_numbers_and_decimals_in_the_api() -> None:
    for quantity in (3, Decimal("3.00"), Decimal("3E0"), Decimal(30) / 10, "3"):
        assert positions_from_quantities(UNIVERSE, {"BTC": quantity}).lots[BTC.row] == 3 * 10**BTC.lot_exponent
    with pytest.raises(FormatError, match="less than 2"):
        positions_from_quantities(UNIVERSE, {"BTC": 10**5000})
