"""A policy calibrated on a price history: a value-at-risk add-on beside a floor of scenarios.

The policy says what made its numbers: its description names the estimator and the history's digest, and its digest
covers both, so that whoever has the history calibrates again and compares digests (`zkmargin policy diff`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from zkmargin.circuits.markets.models import canonical_json, parse_model
from zkmargin.circuits.markets.units import format_decimal
from zkmargin.circuits.policies.policy import Policy
from zkmargin.risk.estimators import Ewma, estimate
from zkmargin.risk.history import History

RULE_NAME = "calibrated"


def calibrate(base: Policy, history: History, ewma: Ewma, *, name: str, z: Decimal) -> Policy:
    """`base` with the add-on z sqrt(x' C x) over the history's underlyings. Raises FormatError naming what is wrong.

    A rule of that name in `base` is replaced, so that a calibrated policy can be calibrated anew.
    """
    found = estimate(history, ewma)
    rule = {
        "kind": "value_at_risk",
        "name": RULE_NAME,
        "z": format_decimal(z),
        "factors": [
            {"underlying": underlying, "exposure": "delta", "move": format_decimal(move)}
            for underlying, move in found.volatilities.items()
        ],
        "correlation": [[format_decimal(entry) for entry in row] for row in found.correlation],
    }
    body: dict[str, Any] = {key: value for key, value in base.to_json().items() if key not in ("format", "version")}
    body["name"] = name
    body["as_of"] = history.end.date().isoformat()
    parameters = canonical_json(ewma.model_dump(mode="json")).decode()
    body["description"] = f"{base.name}, calibrated: {parameters} over history 0x{history.digest.hex()}"
    body["rules"] = [*(kept for kept in body["rules"] if kept["name"] != RULE_NAME), rule]
    return parse_model(Policy, body, name)
