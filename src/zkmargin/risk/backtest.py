"""How often a margin would have failed: a unit long, and a unit short, of every underlying over a price history.

At each step the margin is what the policy asks of one unit of a perpetual, as a share of its price; a breach is a loss
over the next `horizon_steps`, in the same share, that is larger. Windows do not overlap. A calibrated add-on is of
the returns up to the step alone; everything else of a policy is constant.

Kupiec (1995), proportion of failures, with x breaches in n and p = 1 - confidence:

    LR = -2 ln(((1 - p)^(n - x) p^x) / ((1 - x / n)^(n - x) (x / n)^x)),  chi-squared of one degree

Christoffersen (1998), independence: the same of a first-order Markov chain of breaches against independent ones.
Procyclicality: the largest ratio of margins 30 steps apart, and the peak over the median.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from statistics import median
from typing import Any

from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.positions import positions_from_quantities
from zkmargin.circuits.markets.units import format_decimal, format_instant
from zkmargin.circuits.policies.calibration import RULE_NAME, Estimator
from zkmargin.circuits.policies.evaluate import evaluate_margin
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.statements.margin.market import build_epoch
from zkmargin.risk.estimators import volatilities
from zkmargin.risk.history import History

WINDOW = 30


@dataclass(frozen=True)
class Backtest:
    """One underlying and side. p-values are of the hypotheses that breaches are as rare as said, and independent."""

    underlying: str
    side: str
    windows: int
    breaches: int
    expected: float
    kupiec_p: float
    independence_p: float
    margin: float
    largest_rise: float
    peak_over_median: float
    series: tuple[tuple[float, float], ...] = ()
    """Of every window its margin and its loss, shares of the price: what a picture shows."""

    def to_json(self) -> dict[str, Any]:
        """Counts as numbers, everything else as strings of four significant digits."""
        shown = {key: value for key, value in vars(self).items() if key != "series"}
        return {key: format(value, ".4g") if isinstance(value, float) else value for key, value in shown.items()}


def backtest(policy: Policy, history: History, *, confidence: Decimal, estimator: Estimator) -> list[Backtest]:
    """Every underlying of the history that the policy admits, long and short. Raises FormatError as `volatilities`.

    estimator: of the add-on of a calibrated policy at every step, and whose horizon the windows have.
    """
    calibrated = next((rule for rule in policy.rules if rule.name == RULE_NAME and rule.kind == "value_at_risk"), None)
    rest = tuple(rule for rule in policy.rules if rule is not calibrated)
    floor = policy.model_copy(update={"rules": rest, "calibration": None})
    found = []
    for name, prices in history.prices.items():
        if policy.refuses(name):
            continue
        moves = volatilities(history, estimator, name)
        listed = calibrated is not None and name in {factor.underlying for factor in calibrated.factors}
        add_on = float(calibrated.z) if calibrated is not None and listed else 0.0
        for side, sign in (("long", 1), ("short", -1)):
            constant = _share(floor, history, name, prices[-1], sign)
            margins = [constant + add_on * float(move) for move in moves]
            steps = estimator.horizon_steps
            series = tuple(
                (margins[t - estimator.warm_up], -sign * (float(prices[t + steps]) / float(prices[t]) - 1))
                for t in range(estimator.warm_up, len(prices) - steps, steps)
            )
            found.append(_judge(name, side, series, margins, 1.0 - float(confidence)))
    return found


def _share(policy: Policy, history: History, name: str, price: Decimal, sign: int) -> float:
    """What a policy asks of one unit of a perpetual, as a share of its price."""
    text = format_decimal(price)
    base = {"underlying": name, "mark_price_usd": text}
    rows: list[dict[str, Any]] = [
        {"id": "USD", "kind": "cash"},
        {"id": f"{name}-PERP", "kind": "perpetual", **base, "open_interest": "0"},
    ]
    data = InstrumentSet.model_validate({"as_of": format_instant(history.start), "instruments": rows})
    epoch = build_epoch(data, policy)
    book = positions_from_quantities(epoch.universe, {f"{name}-PERP": Decimal(sign)})
    return evaluate_margin(policy, epoch, book).requirement_usd_e12 / 1e12 / float(price)


def _judge(
    name: str, side: str, series: tuple[tuple[float, float], ...], margins: Sequence[float], p: float
) -> Backtest:
    breaches = [loss > margin for margin, loss in series]
    middle = median(margins)
    rises = [later / earlier for earlier, later in zip(margins, margins[WINDOW:], strict=False)]
    return Backtest(
        underlying=name,
        side=side,
        windows=len(breaches),
        breaches=sum(breaches),
        expected=p * len(breaches),
        kupiec_p=kupiec(len(breaches), sum(breaches), p),
        independence_p=christoffersen(breaches),
        margin=margins[-1],
        largest_rise=max(rises, default=1.0),
        peak_over_median=max(margins) / middle,
        series=series,
    )


def kupiec(windows: int, breaches: int, p: float) -> float:
    """The p-value of Kupiec's test."""
    rate = breaches / windows
    ratio = 2 * (_log_likelihood(windows - breaches, breaches, rate) - _log_likelihood(windows - breaches, breaches, p))
    return _upper_tail(ratio)


def christoffersen(breaches: Sequence[bool]) -> float:
    """The p-value of Christoffersen's test of independence; 1 where there is nothing to tell."""
    counts = {(before, after): 0 for before in (False, True) for after in (False, True)}
    for pair in pairwise(breaches):
        counts[pair] += 1
    after_none, after_one = (counts[b, False] + counts[b, True] for b in (False, True))
    if not after_none or not after_one:
        return 1.0
    whole = (counts[False, True] + counts[True, True]) / (after_none + after_one)
    free = sum(
        _log_likelihood(counts[b, False], counts[b, True], counts[b, True] / total)
        for b, total in ((False, after_none), (True, after_one))
    )
    kept = counts[False, False] + counts[True, False], counts[False, True] + counts[True, True]
    return _upper_tail(2 * (free - _log_likelihood(*kept, whole)))


def _log_likelihood(misses: int, hits: int, p: float) -> float:
    """ln((1 - p)^misses p^hits), with 0^0 = 1."""
    return (misses * math.log1p(-p) if misses else 0.0) + (hits * math.log(p) if hits else 0.0)


def _upper_tail(statistic: float) -> float:
    """P(chi-squared of one degree > statistic)."""
    return math.erfc(math.sqrt(max(statistic, 0.0) / 2.0))
