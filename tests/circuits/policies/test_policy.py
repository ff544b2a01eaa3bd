"""Policy files: what is accepted, and one clear line for what is not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from zkmargin.circuits.policies.policy import PRESETS, Policy, PolicyError, load_policy, preset_names
from zkmargin.verifier.errors import FormatError


def span() -> dict[str, Any]:
    return load_policy("span").to_json()


@pytest.mark.parametrize("name", preset_names())
def test_presets_round_trip(name: str, tmp_path: Path) -> None:
    policy = load_policy(name)
    assert policy.name == name
    assert policy.flavour == ("maintenance" if name.endswith("-maintenance") else "initial")
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(policy.to_json()))
    again = load_policy(path)
    assert again == policy
    assert again.digest == policy.digest


def test_every_preset_has_both_flavours_and_its_own_digest() -> None:
    assert len({load_policy(name).digest for name in preset_names()}) == 2 * len(PRESETS)


def stated(tables: dict[str, Any]) -> list[Any]:
    return [table for table in tables.values() if table != "refuse"]


def test_derive_grid_is_the_source_s() -> None:
    assert len(load_policy("derive-pmrm2@2025-06").rules[0].scenarios) == 31
    assert {len(table.scenarios) for table in stated(load_policy("derive-pmrm2").rules[0].tables)} == {31}
    assert len(load_policy("paradex@2026-03").rules[0].scenarios) == 24
    assert {len(table.scenarios) for table in stated(load_policy("paradex").rules[0].tables)} == {24}
    assert len(load_policy("span").rules[0].scenarios) == 16


BAD = [
    (lambda p: p.update(format="zkmargin/proof"), "field 'format': expected 'zkmargin/policy', got 'zkmargin/proof'"),
    (lambda p: p.pop("format"), "field 'format': expected it, found no such field"),
    (lambda p: p.update(version=2), "field 'version': expected 1, got 2"),
    (lambda p: p.update(cover="0.99"), "cover: input should be greater than or equal to 1, got"),
    (lambda p: p.update(cover=1), "cover: expected a decimal string such as '1.25', not a number, got 1"),
    (lambda p: p.update(cover="NaN"), "cover: expected a plain decimal"),
    (lambda p: p.update(colour="red"), "colour: unknown field"),
    (lambda p: p.pop("rules"), "rules: expected this field, got none"),
    (lambda p: p.update(rules=[]), "rules: tuple should have at least 1 item"),
    (lambda p: p["rules"][0].update(kind="grid"), "rules[0]"),
    (
        lambda p: p["rules"][0]["scenarios"][0].update(vol_move="sideways"),
        "vol_move 'sideways' is not one of vol_moves",
    ),
    (lambda p: p["rules"][0]["scenarios"][0].update(price_move="-5"), "expected price moves above -100 %"),
    (lambda p: p["rules"][0]["price_scan_range"].pop("*"), "expected an entry '*' for every other underlying"),
    (lambda p: p["rules"][1].update(name="scan"), "rules: expected distinct names"),
    (lambda p: p.update(quantity_bits=61), "quantity_bits: input should be less than or equal to 60"),
    (lambda p: p.update(venues=["a", "a"]), "venues: expected each once"),
]


@pytest.mark.parametrize(("spoil", "message"), BAD)
def test_bad_policy_is_refused_in_one_line(spoil: Any, message: str, tmp_path: Path) -> None:
    document = span()
    spoil(document)
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(document))
    with pytest.raises(FormatError, match=re.escape(message)) as caught:
        load_policy(path)
    assert "\n" not in str(caught.value)
    assert "bad.json" in str(caught.value)


@pytest.mark.parametrize("text", ["", "[1]", '{"a": NaN}', '{"a": 1, "a": 2}', '{"a": 1.5}', '{"a": 1} x'])
def test_what_is_not_a_document_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=r"bad\.json"):
        load_policy(path)


def test_unknown_policy_names_the_presets() -> None:
    with pytest.raises(PolicyError, match="expected a file or one of span, derive-pmrm2, paradex"):
        load_policy("spam")


def var_rule(correlation: list[list[str]]) -> dict[str, Any]:
    factors = [{"underlying": "BTC", "exposure": e, "move": "0.04"} for e in ("delta", "vega")]
    return {"kind": "value_at_risk", "name": "var", "z": "2.33", "factors": factors, "correlation": correlation}


def test_value_at_risk_alone_is_refused() -> None:
    document = {k: v for k, v in span().items() if k not in ("format", "version")}
    rule = var_rule([["1", "0.5"], ["0.5", "1"]])
    Policy.model_validate({**document, "rules": [*document["rules"], rule]})
    with pytest.raises(ValueError, match="value at risk is an add-on: expected a scenario_grid beside it"):
        Policy.model_validate({**document, "rules": [rule]})


@pytest.mark.parametrize(
    ("correlation", "message"),
    [
        ([["1"]], "expected 2 rows of 2"),
        ([["1", "0.5"], ["0.4", "1"]], "symmetric"),
        ([["1", "1"], ["1", "1"]], "positive definite"),
    ],
)
def test_what_is_not_a_correlation_matrix_is_refused(correlation: list[list[str]], message: str) -> None:
    document = {k: v for k, v in span().items() if k not in ("format", "version")}
    with pytest.raises(ValueError, match=message):
        Policy.model_validate({**document, "rules": [*document["rules"], var_rule(correlation)]})
