"""`zkmargin policy`, and evaluate's notes and what-if."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from zkmargin.circuits.policies.policy import load_policy


def test_show_says_as_of_sources_and_units(zkmargin: Any) -> None:
    told = zkmargin("policy", "show", "derive-pmrm2", "--json").json
    assert (told["as_of"], told["version"]) == ("2026-08-20", "derive-pmrm2@2026-08")
    assert told["digest"] == "0x" + load_policy("derive-pmrm2").digest.hex()
    assert all(source["confidence"] for source in told["sources"])
    assert "derive-pmrm2@2025-06" in told["versions"]
    assert all(parameter["unit"] for parameter in told["parameters"])
    shown = zkmargin("policy", "show", told["digest"])
    assert "as of" in shown.out
    assert "2026-08-20" in shown.out
    assert "second-hand" in shown.out


def test_diff_and_new(zkmargin: Any, tmp_path: Path) -> None:
    file = tmp_path / "house.json"
    made = zkmargin("policy", "new", "house", "--from", "span", "--set", "cover=1.25", "--out", file, "--json")
    assert made.json["digest"] == "0x" + load_policy(file).digest.hex()
    assert json.loads(file.read_text())["format"] == "zkmargin/policy"
    told = zkmargin("policy", "diff", "span", file, "--json")
    assert told.code == 1
    assert {item["path"] for item in told.json["differences"]} == {"name", "cover"}
    assert "same" in zkmargin("policy", "diff", file, file).out


def test_check_remarks_and_refuses(zkmargin: Any, tmp_path: Path) -> None:
    assert any(
        "superseded" in text for text in zkmargin("policy", "check", "paradex@2026-03", "--json").json["remarks"]
    )
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({**load_policy("span").to_json(), "cover": "0.1"}))
    refused = zkmargin("policy", "check", bad)
    assert refused.code == 2
    assert "cover" in refused.err


def test_evaluate_by_position_and_what_if(zkmargin: Any, made_desk: Path) -> None:
    books = ("--positions", made_desk / "marlin.csv", "--positions", made_desk / "harbor.csv")
    arguments = ("evaluate", "--market", made_desk / "m.json", "--policy", "span", *books)
    told = zkmargin(*arguments, "--by", "--json").json
    assert {item["name"] for item in told["venues"]} == {"marlin", "harbor"}
    assert told["positions"]
    assert "delta" in told["positions"][0]
    name = told["positions"][0]["instrument"]
    assert name in zkmargin(*arguments, "--by").out
    richer = zkmargin(*arguments, "--trade", "USD=1000", "--json").json
    assert float(richer["slack_usd"]) > float(told["slack_usd"])
    moved = zkmargin(*arguments, "--move", "BTC=-0.3", "--json").json
    assert moved["nlv_usd"] != told["nlv_usd"]
    refused = zkmargin(*arguments, "--trade", "USD")
    assert refused.code == 2
    assert "--trade: expected NAME=NUMBER" in refused.err


def test_calibrate_and_backtest(zkmargin: Any, tmp_path: Path) -> None:
    history = Path(str(resources.files("zkmargin") / "sample" / "history.json"))
    common = ("policy", "calibrate", "house-var", "--from", "span", "--history", history)
    first = zkmargin(*common, "--out", tmp_path / "a.json", "--json").json
    second = zkmargin(*common, "--out", tmp_path / "b.json", "--json").json
    assert first["digest"] == second["digest"]
    assert set(first["volatilities"]) == {"BTC", "ETH", "SOL"}
    tests = zkmargin("policy", "backtest", tmp_path / "a.json", "--history", history, "--json").json["tests"]
    assert {(item["underlying"], item["side"]) for item in tests} >= {("BTC", "long"), ("SOL", "short")}
    assert zkmargin("policy", "backtest", "span", "--history", tmp_path / "a.json").code == 2
    assert zkmargin(*common, "--out", tmp_path / "c.json", "--decay", "1.5").code == 2


def test_a_garch_policy_is_made_again_and_drawn(zkmargin: Any, tmp_path: Path) -> None:
    history = Path(str(resources.files("zkmargin") / "sample" / "history.json"))
    made = tmp_path / "garch.json"
    calibrate = ("policy", "calibrate", "house-var", "--from", "span", "--history", history, "--estimator", "garch")
    assert zkmargin(*calibrate, "--long-run", "365", "--out", made).code == 0
    assert zkmargin("policy", "check", made, "--history", history).code == 0
    changed = tmp_path / "changed.json"
    changed.write_text(made.read_text().replace('"alpha": "0.1"', '"alpha": "0.11"', 1))
    assert changed.read_text() != made.read_text()
    refused = zkmargin("policy", "check", changed, "--history", history)
    assert refused.code == 2
    assert "expected the rule calibrated" in refused.err
    picture = tmp_path / "breaches.png"
    assert zkmargin("policy", "backtest", made, "--history", history, "--plot", picture).code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
