"""Estimators against floating point and at their bounds, calibration by two parties, and tests of breaches."""

from __future__ import annotations

import math
from decimal import Decimal
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.markets import small_market

from zkmargin.circuits.policies.calibration import Ewma, Garch
from zkmargin.circuits.policies.policy import Policy, PolicyError, load_policy
from zkmargin.circuits.statements.margin.market import build_epoch
from zkmargin.risk.backtest import backtest, christoffersen, kupiec
from zkmargin.risk.calibration import calibrate, check_calibration
from zkmargin.risk.estimators import covariances, estimate, volatilities
from zkmargin.risk.fitting import fit_garch
from zkmargin.risk.history import History, read_history, with_history
from zkmargin.verifier.errors import FormatError

SHIPPED = Path(str(resources.files("zkmargin") / "sample" / "history.json"))


def history(**prices: list[str]) -> History:
    fields = {"start": "2026-01-01T00:00:00Z", "step_seconds": 86400, "source": "a test", "licence": "none"}
    return History.model_validate({**fields, "prices": prices})


walks = st.lists(st.decimals("0.01", 10**6, places=4, allow_nan=False, allow_infinity=False), min_size=8, max_size=40)


@given(walks, st.sampled_from(["0.5", "0.94", "0.999999"]), st.sampled_from(["0", "0.25", "0.9"]), st.integers(1, 10))
@settings(max_examples=60, deadline=None)
def test_volatility_agrees_with_floating_point_from_above(
    prices: list[Decimal], decay: str, stress: str, horizon: int
) -> None:
    made = history(X=[format(price, "f") for price in prices])
    ewma = Ewma.model_validate(
        {
            "decay": decay,
            "warm_up": 3,
            "horizon_steps": horizon,
            "stress_weight": stress,
            "floor": "0.000001",
            "cap": "5",
        }
    )
    found = volatilities(made, ewma, "X")
    returns = [float(after) / float(before) - 1 for before, after in pairwise(prices)]
    variance = worst = sum(r * r for r in returns[:3]) / 3
    for index, move in enumerate(found):
        if index:
            variance = float(decay) * variance + (1 - float(decay)) * returns[2 + index] ** 2
            worst = max(worst, variance)
        mixed = (1 - float(stress)) * variance + float(stress) * worst
        exact = min(max(math.sqrt(mixed * horizon), 1e-6), 5.0)
        assert exact * (1 - 1e-9) - 1e-12 <= float(move) <= min(exact * (1 + 1e-9) + 2e-6, 5.0)


def test_correlation_of_equal_opposite_and_flat_series() -> None:
    up = ["100", "110", "99", "120", "90", "95"]
    down = ["100", "90", "99.8181818", "78.646", "98.3075", "92.845"]
    made = history(A=up, B=up, C=down, D=["5"] * 6)
    found = estimate(made, Ewma.model_validate({"warm_up": 2, "shrinkage": "0.2"}))
    assert found.correlation[0][1] == Decimal("0.8")
    assert Decimal("-0.8") <= found.correlation[0][2] < Decimal("-0.79")
    assert found.correlation[0][3] == 0
    assert found.volatilities["D"] == Decimal("0.01")
    assert len(list(covariances(made, Ewma.model_validate({"warm_up": 2})))) == 4


def test_nothing_of_later_steps_is_in_an_estimate() -> None:
    prices = ["100", "101", "99", "103", "98", "150", "60"]
    ewma = Ewma.model_validate({"warm_up": 2})
    assert volatilities(history(X=prices[:5]), ewma, "X") == volatilities(history(X=prices), ewma, "X")[:3]


def test_two_parties_make_the_same_policy_and_a_changed_price_another() -> None:
    shipped, base = read_history(SHIPPED), load_policy("span")
    made = calibrate(base, shipped, Ewma(), name="house-var", z=Decimal("2.326"))
    assert calibrate(base, read_history(SHIPPED), Ewma(), name="house-var", z=Decimal("2.326")).digest == made.digest
    assert made.calibration is not None
    assert made.calibration.history == "0x" + shipped.digest.hex()
    assert made.as_of == "2026-01-01"
    body = shipped.model_dump(mode="json")
    body["prices"]["BTC"][100] = str(Decimal(body["prices"]["BTC"][100]) + Decimal("0.01"))
    other = History.model_validate(body)
    assert calibrate(base, other, Ewma(), name="house-var", z=Decimal("2.326")).digest != made.digest
    again = calibrate(made, shipped, Ewma(), name="house-var", z=Decimal("2.326"))
    assert len(again.rules) == len(made.rules)
    assert Policy.model_validate({k: v for k, v in made.to_json().items() if k not in ("format", "version")}) == made


def test_breaches_of_a_known_history() -> None:
    made = history(BTC=["100"] * 10 + ["50"] * 30)
    ewma = Ewma.model_validate({"warm_up": 2})
    found = {
        item.side: item for item in backtest(load_policy("span"), made, confidence=Decimal("0.99"), estimator=ewma)
    }
    assert (found["long"].breaches, found["short"].breaches) == (1, 0)
    assert found["long"].windows == 37
    assert abs(found["long"].margin - 0.22) < 1e-3


def test_what_a_policy_refuses_is_not_tested() -> None:
    found = backtest(load_policy("paradex"), read_history(SHIPPED), confidence=Decimal("0.99"), estimator=Ewma())
    assert {item.underlying for item in found} == {"BTC", "ETH"}


def test_kupiec_and_christoffersen_as_published() -> None:
    # Kupiec (1995), table: at 5 % with 255 observations the model is kept for 7 to 20 breaches at the 95 % level.
    kept = [breaches for breaches in range(40) if kupiec(255, breaches, 0.05) > 0.05]
    assert (kept[0], kept[-1]) == (7, 20)
    assert kupiec(1000, 50, 0.05) == 1.0
    clustered = [False] * 90 + [True] * 10
    assert christoffersen(clustered) < 1e-6
    assert christoffersen(([False] * 9 + [True]) * 20) < 0.05
    assert christoffersen([False] * 50) == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prices": {"X": ["1", "2"]}}, "at least 3 items"),
        ({"prices": {"X": ["1", "2", "3"], "Y": ["1", "2", "3", "4"]}}, "expected series of one length"),
        ({"prices": {"X": ["1", "0", "3"]}}, "greater than 0"),
        ({"step_seconds": 1}, "greater than or equal to 60"),
    ],
)
def test_a_bad_history_is_refused(change: dict[str, Any], message: str) -> None:
    fields = {"start": "2026-01-01T00:00:00Z", "step_seconds": 86400, "source": "a test", "licence": "none"}
    with pytest.raises(ValueError, match=message):
        History.model_validate({**fields, "prices": {"X": ["1", "2", "3"]}, **change})


def test_a_short_history_is_refused() -> None:
    with pytest.raises(FormatError, match="expected more than 30 returns"):
        estimate(history(X=["1", "2", "3"]), Ewma())


# -- GARCH, floors, and a calibration made again -----------------------------------------------------------------------

PARAMETERS = {"X": {"alpha": "0.08", "beta": "0.9", "volatility": "0.03"}}


@given(walks, st.sampled_from(["0", "0.25"]), st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_the_garch_filter_agrees_with_floating_point_from_above(
    prices: list[Decimal], stress: str, horizon: int
) -> None:
    made = history(X=[format(price, "f") for price in prices])
    fields = {"kind": "garch", "parameters": PARAMETERS, "warm_up": 3, "horizon_steps": horizon}
    garch = Garch.model_validate({**fields, "stress_weight": stress, "floor": "0.000001", "cap": "5"})
    found = volatilities(made, garch, "X")
    returns = [float(after) / float(before) - 1 for before, after in pairwise(prices)]
    variance, worst = sum(r * r for r in returns[:3]) / 3, 0.0
    for index, move in enumerate(found):
        if index:
            variance = 0.02 * 0.03**2 + 0.08 * returns[2 + index] ** 2 + 0.9 * variance
        expected = sum(0.03**2 + 0.98**k * (variance - 0.03**2) for k in range(horizon))
        worst = max(worst, expected)
        exact = min(max(math.sqrt((1 - float(stress)) * expected + float(stress) * worst), 1e-6), 5.0)
        assert exact * (1 - 1e-9) - 1e-12 <= float(move) <= min(exact * (1 + 1e-9) + 2e-6, 5.0)


def test_a_long_run_floor_holds_when_markets_are_calm() -> None:
    wild, calm = ["100", "150"] * 20, ["100", "100.1"] * 40
    made = history(X=[*wild, *calm])
    base = {"warm_up": 5, "decay": "0.5", "stress_weight": "0", "floor": "0.000001", "cap": "5"}
    without = volatilities(made, Ewma.model_validate(base), "X")[-1]
    floored = volatilities(made, Ewma.model_validate({**base, "long_run_steps": 110}), "X")[-1]
    returns = [float(after) / float(before) - 1 for before, after in pairwise([float(p) for p in [*wild, *calm]])]
    average = math.sqrt(sum(r * r for r in returns[-110:]) / 110)
    assert without < Decimal("0.01")
    assert average <= float(floored) <= average + 2e-6
    with pytest.raises(FormatError, match="expected more than 199 returns"):
        volatilities(made, Ewma.model_validate({**base, "long_run_steps": 200}), "X")


def test_fitting_finds_what_generated_the_shipped_history_nearly() -> None:
    """Its generator has alpha 0.09 and beta 0.87 beside jumps: what is found is as persistent."""
    shipped = read_history(SHIPPED)
    found = fit_garch(shipped)
    assert set(found) == set(shipped.prices)
    for parameters in found.values():
        assert Decimal("0.85") < parameters.alpha + parameters.beta < 1
    garch = Garch(kind="garch", parameters=found)
    made = calibrate(load_policy("span"), shipped, garch, name="garch-var", z=Decimal(2))
    check_calibration(made, shipped)
    with pytest.raises(FormatError, match="expected some for"):
        volatilities(history(Y=["1", "2", "3", "4"]), garch.model_copy(update={"warm_up": 2}), "Y")


def test_a_calibration_is_made_again_or_refused_by_name() -> None:
    """The lie: volatilities that the estimator never gave, under its name. Told by: whoever publishes a policy."""
    shipped, base = read_history(SHIPPED), load_policy("span")
    made = calibrate(base, shipped, Ewma(), name="house-var", z=Decimal("2.326"))
    check_calibration(made, shipped)
    body = {key: value for key, value in made.to_json().items() if key not in ("format", "version")}
    body["rules"][-1]["factors"][0]["move"] = "0.01"
    with pytest.raises(FormatError, match="expected the rule calibrated that its estimator makes"):
        check_calibration(Policy.model_validate(body), shipped)
    other = shipped.model_copy(update={"source": "another"})
    with pytest.raises(FormatError, match="expected the history 0x"):
        check_calibration(made, History.model_validate(other.model_dump(mode="json")))
    with pytest.raises(FormatError, match="expected a calibration"):
        check_calibration(base, shipped)
    del body["calibration"]
    with pytest.raises(ValueError, match="calibration: expected one with a value_at_risk rule"):
        Policy.model_validate(body)


def test_an_epoch_names_the_history_that_its_policy_is_calibrated_on() -> None:
    """The lie: an epoch priced by estimates of a history that nobody may look up. Told by: whoever publishes epochs."""
    shipped = read_history(SHIPPED)
    made = calibrate(load_policy("span"), shipped, Ewma(), name="house-var", z=Decimal("2.326"))
    data = small_market()
    for named in (data, data.model_copy(update={"history": "0x" + "11" * 32})):
        epoch = build_epoch(named, made)
        with pytest.raises(PolicyError, match="expected an epoch that names the history 0x"):
            made.public_columns(epoch)
    named = with_history(data, shipped)
    assert with_history(named, shipped) == named
    assert made.public_columns(build_epoch(named, made))
    with pytest.raises(FormatError, match="history: expected 0x"):
        with_history(data.model_copy(update={"history": "0x" + "11" * 32}), shipped)
