"""The shipped sample tells its story: each venue alone is under-margined, netted they are not."""

from __future__ import annotations

import json
from collections import Counter
from importlib import resources
from pathlib import Path

from zkmargin.circuits.markets.entries import read_positions
from zkmargin.circuits.markets.instruments import read_instruments
from zkmargin.circuits.policies.evaluate import evaluate_margin
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.circuits.statements.margin.market import build_epoch


def test_sample() -> None:
    with resources.as_file(resources.files("zkmargin") / "sample") as folder:
        manifest = json.loads((Path(folder) / "sample.json").read_text())
        data = read_instruments(Path(folder) / manifest["instruments"])
        kinds = Counter(instrument.kind for instrument in data.instruments)
        assert kinds.total() > 1000
        assert set(kinds) == {"cash", "spot", "supply", "borrow", "perpetual", "future", "option"}
        policy = load_policy(manifest["policy"])
        market = build_epoch(data, policy)
        books = [read_positions(Path(folder) / name, market.universe) for name in manifest["venues"].values()]
    columns = policy.public_columns(market)
    alone = [evaluate_margin(policy, market, book, columns=columns) for book in books]
    netted = evaluate_margin(policy, market, books, columns=columns)
    assert len(books) == 3
    assert not any(result.adequate for result in alone)
    assert all(result.nlv_usd_e12 > 0 for result in alone)
    assert netted.adequate
    assert netted.requirement_usd_e12 * 2 < sum(result.requirement_usd_e12 for result in alone)
