"""`./run generate` finds what is out of date, says what has changed, and cures it; gas may differ by a little."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
RECORDED = {"rows": 2048, "proof": {"bytes": 1536}, "verifier_gas": 500_000, "gas": {"submission": 400_000}}


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", BENCHMARKS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate"] = module  # where dataclasses look for it
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCHMARKS))
    return module


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"verifier_gas": 501_499}, True),
        ({"verifier_gas": 501_501}, False),
        ({"verifier_gas": 498_499}, False),
        ({"gas": {"submission": 401_199}}, True),
        ({"gas": {"submission": 401_201}}, False),
        ({"gas": {"submission": 400_000, "publication": 1}}, False),
        ({"rows": 2049}, False),
        ({"proof": {"bytes": 1537}}, False),
        ({"sums": 1}, False),
    ],
)
def test_counts_are_exact_and_gas_is_within_three_thousandths(
    generate: ModuleType, changes: dict[str, Any], same: bool
) -> None:
    assert generate.snapshots.same(RECORDED, {**RECORDED, **changes}) is same


def test_every_difference_is_found_and_cured(generate: ModuleType, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    made = {"one.json": json.dumps({"rows": {"all": 4}}), "two.json": json.dumps({"rows": 8}), "page": "<p>"}
    drawn: list[tuple[str, str]] = []
    what = generate.Generated("all", tmp_path, "*", lambda: made, then=lambda *texts: drawn.append(texts))
    (tmp_path / "one.json").write_text(json.dumps({"rows": {"all": 5}}))
    (tmp_path / "page").write_text("<p")
    (tmp_path / "old.json").write_text("{}")
    expected = [
        "old.json: nothing makes this file",
        "one.json: rows.all: 5 -> 4",
        "two.json: missing",
        "page: differs",
    ]
    assert generate.differences(what, write=False) == expected
    assert {path.name for path in tmp_path.iterdir()} == {"one.json", "old.json", "page"}
    assert generate.differences(what, write=True) == expected
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == made
    assert drawn == [(json.dumps({"rows": {"all": 5}}), made["one.json"]), ("", made["two.json"]), ("<p", "<p>")]
    assert generate.differences(what, write=False) == []


def test_check_fails_with_a_list(
    generate: ModuleType, tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> dict[str, str]:
        raise generate.Unavailable("no compiler")

    monkeypatch.setattr(generate, "ROOT", tmp_path)
    everything = (
        generate.Generated("texts", tmp_path, "*", lambda: {"a.txt": "new"}),
        generate.Generated("code", tmp_path, "*", missing),
    )
    monkeypatch.setattr(generate, "EVERYTHING", everything)
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "texts: out of date",
        "  a.txt: missing",
        "code: left out: no compiler",
    ]
    assert generate.main([]) == 0
    assert generate.main(["--check", "texts"]) == 0


def test_each_preset_has_its_snapshot(generate: ModuleType) -> None:
    files = {path.name for path in generate.SNAPSHOTS.iterdir()}
    presets = {f"{name}.json" for name in generate.snapshots.preset_names()}
    assert files == presets | {"statements.json", "contracts.json"}
