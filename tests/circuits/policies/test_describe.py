"""A policy in words: units of every parameter, differences, remarks, and policies made from others."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel
from support.markets import small_market

from zkmargin.circuits.policies import describe
from zkmargin.circuits.policies.policy import Policy, load_policy, preset_names, shipped_policies
from zkmargin.circuits.statements.margin.market import build_epoch
from zkmargin.verifier.errors import FormatError


def models_of(annotation: Any) -> set[type[BaseModel]]:
    """Every model that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {model for argument in getattr(annotation, "__args__", ()) for model in models_of(argument)}


def test_every_field_of_a_policy_has_a_unit() -> None:
    seen: set[type[BaseModel]] = set()
    waiting: set[type[BaseModel]] = {Policy}
    containers = {"rules", "scenarios", "vol_moves", "discounting", "charges", "call", "put", "skew"}
    containers |= {"calibration", "estimator", "parameters"}
    while waiting:
        model = waiting.pop()
        seen.add(model)
        for name, field in model.model_fields.items():
            assert name in describe.UNITS or name in containers, f"{model.__name__}.{name}"
            waiting |= models_of(field.annotation) - seen
    assert len(seen) > 25


@pytest.mark.parametrize("name", preset_names())
def test_every_parameter_is_shown_with_its_unit(name: str) -> None:
    found = describe.parameters(load_policy(name))
    assert len({item.path for item in found}) == len(found)
    assert all(item.unit for item in found)


def test_differences_name_what_is_not_shared() -> None:
    span, maintenance = load_policy("span"), load_policy("span-maintenance")
    assert describe.differences(span, span) == ()
    found = {item.path: (item.left, item.right) for item in describe.differences(span, maintenance)}
    assert {"name", "flavour"} <= set(found)
    assert found["flavour"] == ("initial", "maintenance")
    house = span.model_copy(update={"as_of": "2026-01-01"})
    assert describe.differences(span, house) == (describe.Difference("as_of", None, "2026-01-01"),)


def test_a_superseded_version_and_missing_underlyings_are_remarked() -> None:
    for shipped in shipped_policies():
        policy = load_policy(shipped.alias)
        assert describe.shipped_as(policy) == shipped
        superseded = any("superseded" in text for text in describe.remarks(policy))
        assert superseded == (policy != load_policy(shipped.name))
    policy = load_policy("paradex")
    assert [text for text in describe.remarks(policy, build_epoch(small_market(), policy)) if text.startswith("DOGE")]


def test_a_policy_is_made_from_another() -> None:
    settings = {"cover": "1.25", "venues": "kestrel,marlin", "quantity_bits": "48"}
    made = describe.derived(load_policy("paradex"), "house", settings)
    assert (made.name, made.venues, made.quantity_bits, str(made.cover)) == ("house", ("kestrel", "marlin"), 48, "1.25")
    assert made.rules == load_policy("paradex").rules
    assert made.as_of is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"colour": "red"}, "colour: expected one of"),
        ({"name": "other"}, "name: expected one of"),
        ({"quantity_bits": "4.5"}, "quantity_bits: expected a whole number"),
        ({"cover": "0.5"}, "house: cover: input should be greater"),
        ({"venues": "a,a"}, "expected each once"),
    ],
)
def test_a_field_that_cannot_be_set_is_refused(settings: dict[str, str], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        describe.derived(load_policy("span"), "house", settings)
