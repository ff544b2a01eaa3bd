"""The lie: integers at the border of int64, whose magnitude or cast is another number than it seems.

Told by: a publisher of prices, or the author of a policy. Gained: |-2^63| is negative in int64, so a value that should
be far out of range passes as small; a float beyond int64 becomes whatever the processor makes of it; a boundary times
a rate wraps around to a boundary that nobody wrote. Refused: one function says what fits, one casts, both by name.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.desk import instruments, preset_desk

import zkmargin as package
from zkmargin.circuits.markets.positions import Positions
from zkmargin.circuits.markets.units import RangeError, fits, integers
from zkmargin.circuits.policies.evaluate import check_quantities, evaluate_margin
from zkmargin.circuits.policies.policy import Policy, load_policy
from zkmargin.circuits.policies.rules.tiers import BOUNDARY_BITS, BOUNDARY_UNIT, boundary_units
from zkmargin.circuits.policies.solution import Sums
from zkmargin.verifier.errors import FormatError

MIN = -(1 << 63)


def test_the_magnitude_of_the_smallest_integer_fits_nothing() -> None:
    values = np.array([MIN, MIN + 1, (1 << 63) - 1], dtype=np.int64)
    assert np.abs(values)[0] < 0
    for bits in range(1, 63):
        assert not fits(values, bits).any()


@given(st.integers(MIN, (1 << 63) - 1), st.integers(1, 62))
def test_what_fits(value: int, bits: int) -> None:
    assert fits(np.array([value], dtype=np.int64), bits)[0] == (abs(value) < 1 << bits)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_one_cast(value: float) -> None:
    whole = np.rint(np.array([value]))
    if np.isfinite(value) and abs(whole[0]) < 2.0**62:
        assert int(integers(whole)[0]) == int(whole[0])
    else:
        with pytest.raises(RangeError, match=r"beyond 2\^62"):
            integers(whole)


@pytest.mark.parametrize("column", ["value", "charge.short"])
def test_a_column_of_the_smallest_integer_is_refused(column: str) -> None:
    desk = preset_desk("span")
    columns = {name: values.copy() for name, values in desk.market.columns.items()}
    for row in (0, 1):
        columns[column][row] = MIN
        with pytest.raises(RangeError, match=re.escape(f"column {column}: expected less than")):
            desk.policy.check_columns(desk.market.epoch.universe, columns)


def test_a_quantity_of_the_smallest_integer_is_refused() -> None:
    desk = preset_desk("span")
    universe = desk.market.epoch.universe
    lots = np.zeros(universe.rows, dtype=np.int64)
    lots[1] = MIN
    book = Positions(universe.digest, lots)
    with pytest.raises(RangeError, match="netted quantity"):
        check_quantities(desk.policy, universe, book)
    with pytest.raises(RangeError):
        evaluate_margin(desk.policy, desk.market.epoch, [book])
    with pytest.raises(RangeError, match="expected quantities below"):
        Sums(universe, desk.market.columns, lots)


def absurd() -> Any:
    """Forwards of a coin without an index, which a double holds per lot and an int64 does not."""
    data = instruments().to_json()
    for entry in data["instruments"]:
        if entry["kind"] == "option":
            entry |= {"underlying": "XYZ", "forward_usd": "9" * 15}
    return instruments().model_validate({"as_of": data["as_of"], "instruments": data["instruments"]})


@pytest.mark.parametrize("rule", ["value_at_risk", "delta_charge"])
def test_absurd_forwards_do_not_wrap_into_a_column(rule: str) -> None:
    """Both rules round to nearest, and cast; what is beyond int64 was whatever the processor made of it."""
    from zkmargin.circuits.statements.margin.market import build_epoch  # noqa: PLC0415

    rules: dict[str, list[dict[str, Any]]] = {
        "value_at_risk": [
            load_policy("span").model_dump(mode="json", exclude_none=True)["rules"][0],
            {
                "name": "var",
                "kind": "value_at_risk",
                "z": "2.5",
                "factors": [{"underlying": "XYZ", "exposure": "delta", "move": "0.05"}],
                "correlation": [["1"]],
            },
        ],
        "delta_charge": [{"name": "delta", "kind": "delta_charge", "net_rate": "0.1", "hedged_rate": "0.02"}],
    }
    policy = Policy.model_validate({"name": "absurd", "flavour": "initial", "rules": rules[rule]})
    policy.public_columns(build_epoch(instruments(), policy))
    with pytest.raises(FormatError, match=r"beyond 2\^62|expected less than 2\^"):
        policy.public_columns(build_epoch(absurd(), policy))


def test_a_boundary_times_a_rate_is_refused_by_name() -> None:
    limit = (1 << BOUNDARY_BITS) * BOUNDARY_UNIT
    most = Decimal(limit - BOUNDARY_UNIT).scaleb(-12)
    assert boundary_units(most, "BTC") == (1 << BOUNDARY_BITS) - 1
    with pytest.raises(RangeError, match=r"^BTC: expected a boundary times its change of rate below 2\^62 units"):
        boundary_units(Decimal(limit).scaleb(-12), "BTC")


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "notional_tiers", "flavour": "initial", "field": "max_leverage", "values": ("50", "1")},
        {"kind": "tiered_haircuts", "field": "ratio", "values": ("1", "0")},
    ],
    ids=lambda rule: rule["kind"],
)
def test_a_policy_whose_boundary_overflows_does_not_exist(rule: dict[str, Any]) -> None:
    """It used to load, and to fail without a name, or wrap, when an epoch was published."""
    rest = {name: value for name, value in rule.items() if name not in ("field", "values")}

    def with_boundary(boundary: str) -> Policy:
        tiers = [
            {"from_usd": start, rule["field"]: value}
            for start, value in zip(("0", boundary), rule["values"], strict=True)
        ]
        rules = [{"name": "tiers", **rest, "tiers": {"*": tiers}}]
        return Policy.model_validate({"name": "absurd", "flavour": "initial", "rules": rules})

    with_boundary("1000000000000")
    with pytest.raises(ValueError, match=r"tiers\.\*: expected a boundary times its change of rate"):
        with_boundary("999999999999999")


def test_nothing_else_casts_to_int64() -> None:
    """The kind, not the case: rules and epochs make integers by `units.integers` alone."""
    root = Path(package.__file__).parent / "circuits"
    casts = {
        str(path.relative_to(root))
        for folder in ("markets", "policies", "statements")
        for path in (root / folder).rglob("*.py")
        if re.search(r"astype\((np\.int64|int)", path.read_text(encoding="utf-8"))
    }
    assert casts == {"markets/units.py"}
