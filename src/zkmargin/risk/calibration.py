"""A policy calibrated on a price history: a value-at-risk add-on beside a floor of scenarios.

The policy says what made its numbers, in its field `calibration`: estimator and history's digest. Its digest covers
both, so whoever has the history makes the rule again and finds the same (`zkmargin policy check --history`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from zkmargin.circuits.markets.models import parse_model
from zkmargin.circuits.markets.units import format_decimal
from zkmargin.circuits.policies.calibration import RULE_NAME, AnyEstimator, Calibration
from zkmargin.circuits.policies.policy import Policy
from zkmargin.risk.estimators import estimate
from zkmargin.risk.history import History
from zkmargin.verifier.errors import FormatError


def calibrate(base: Policy, history: History, estimator: AnyEstimator, *, name: str, z: Decimal) -> Policy:
    """`base` with the add-on z sqrt(x' C x) over the history's underlyings. Raises FormatError naming what is wrong.

    A rule of that name in `base` is replaced, so that a calibrated policy can be calibrated anew.
    """
    found = estimate(history, estimator)
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
    calibration = Calibration(history="0x" + history.digest.hex(), z=z, estimator=estimator)
    body["calibration"] = calibration.model_dump(mode="json", exclude_none=True)
    body["rules"] = [*(kept for kept in body["rules"] if kept["name"] != RULE_NAME), rule]
    return parse_model(Policy, body, name)


def check_calibration(policy: Policy, history: History) -> None:
    """Raise FormatError unless a policy's calibrated rule is what its estimator makes of this history."""
    stated = policy.calibration
    if stated is None:
        raise FormatError(f"policy {policy.name}: expected a calibration, as it is to be made again")
    if stated.history != "0x" + history.digest.hex():
        raise FormatError(
            f"policy {policy.name}: expected the history {stated.history} that it is calibrated on, "
            f"got 0x{history.digest.hex()}"
        )
    again = calibrate(policy, history, stated.estimator, name=policy.name, z=stated.z)
    ours = next(rule for rule in policy.rules if rule.name == RULE_NAME)
    theirs = next(rule for rule in again.rules if rule.name == RULE_NAME)
    if ours != theirs:
        raise FormatError(
            f"policy {policy.name}: expected the rule {RULE_NAME} that its estimator makes of this history, got another"
        )
