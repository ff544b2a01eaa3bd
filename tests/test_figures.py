"""Figures in documents agree with the snapshots, which `./run generate --check` compares with the code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SNAPSHOTS = ROOT / "benchmarks" / "snapshots"
GAS = (ROOT / "docs" / "gas.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOLERANCE = 0.003


def snapshot(name: str) -> dict[str, Any]:
    loaded = json.loads((SNAPSHOTS / f"{name}.json").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def presets() -> list[dict[str, Any]]:
    return [each for path in SNAPSHOTS.glob("*.json") if "policy" in (each := snapshot(path.stem))]


def found(pattern: str, text: str) -> list[int]:
    match = re.search(pattern, text)
    assert match is not None, f"expected {pattern}"
    return [int(number.replace(",", "")) for number in match.groups()]


@pytest.mark.parametrize(
    ("pattern", "text", "figure"),
    [
        (r"\| \*\*total\*\* \| \*\*([0-9,]+)\*\*", GAS, "first submission of an account"),
        (r"one submission, .* \| ([0-9,]+) /", README, "first submission of an account"),
        (r"\| registry, gate, .* \| ([0-9,]+) \|", GAS, "deploying registry, gate, two venues, a policy"),
        (r"\| first epoch of a universe: .* \| ([0-9,]+) \|", GAS, "first epoch of a universe"),
    ],
)
def test_gas_through_the_gate(pattern: str, text: str, figure: str) -> None:
    (stated,) = found(pattern, text)
    assert stated == pytest.approx(snapshot("contracts")["gas"][figure], rel=TOLERANCE)


def test_items_of_a_submission_add_up() -> None:
    table = GAS[GAS.index("## One submission") : GAS.index("Target:")]
    rows = re.findall(r"^\| (\S.*?) \| \**([0-9,]+)\** \| \**([0-9,]+)\** \|$", table, re.MULTILINE)
    for column in (1, 2):
        *items, total = (int(row[column].replace(",", "")) for row in rows)
        assert len(items) == 9
        assert sum(items) == pytest.approx(total, abs=500)  # each is rounded to hundreds


def test_the_samples_policy() -> None:
    pattern = r"([0-9]+) market\s+columns, ([0-9,]+) private scalars and ([0-9,]+) terms in ([0-9,]+) sums"
    counted = snapshot("derive-pmrm2")
    expected = [counted["columns"]["market"], *(counted[name] for name in ("private_scalars", "sum_terms", "sums"))]
    assert found(pattern, GAS) == expected


def test_sizes_of_the_shipped_policies_proofs() -> None:
    sizes = [preset["proof"]["bytes"] for preset in presets()]
    assert len(sizes) >= 12
    assert found(r"proofs of ([0-9,]+) to ([0-9,]+) bytes", README) == [min(sizes), max(sizes)]
    assert f"{round(min(sizes) / 1000, 1)} to {round(max(sizes) / 1000, 1)} kB" in README
