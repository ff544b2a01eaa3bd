"""The auditor's reading list is true: what runs is on it, what is on it runs, and it says how long it is."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from support.shell_desk import AT

ROOT = Path(__file__).parents[1]
AUDIT = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
PACE = {"Ring one": 10, "Ring two": 15}
"""Lines a minute; twenty elsewhere."""
EITHER = {"prover/kernels/native.py", "prover/kernels/reference.py", "prover/kernels/reference_group.py"}
"""One back end or the other runs."""
TRACER = """
import json, sys
ran = set()
sys.settrace(lambda frame, event, argument: ran.add(frame.f_code.co_filename))
from zkmargin.cli.main import run
code = run(sys.argv[1:])
sys.settrace(None)
print(json.dumps([code, sorted(ran)]))
"""


class Row(NamedTuple):
    section: str
    file: str
    lines: int
    minutes: int


def rows() -> list[Row]:
    """The list's rows, with the section that each stands in."""
    found = []
    for section in AUDIT.split("\n## ")[1:]:
        for file, link, lines, minutes in re.findall(r"^\| \[`(.+?)`\]\((.+?)\) \| (\d+) \| (\d+) \|", section, re.M):
            assert link == f"../{file}"
            found.append(Row(section.partition("\n")[0], file, int(lines), int(minutes)))
    return found


def listed(part: str) -> set[str]:
    """The files in sections, or in the other statements' parts, whose text begins so."""
    return set(re.findall(r"^\| \[`(.+?)`\]", part, re.M))


RINGS, OTHERS = AUDIT.split("\n## The other statements")
DISCLOSURE, REST = OTHERS.split("`zkmargin solvency verify`")
SOLVENCY, BROKER = REST.split("`zkmargin broker verify`")


def has_code(file: Path) -> bool:
    """Whether a module holds more than a docstring."""
    return any(not isinstance(node, ast.Expr) for node in ast.parse(file.read_text(encoding="utf-8")).body)


def traced(arguments: str) -> set[str]:
    """The project's files of which any line runs in a fresh process, imports included."""
    command = [sys.executable, "-c", TRACER, *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    code, files = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    inside = [Path(name).resolve() for name in files if name.endswith(".py")]
    ours = [file.relative_to(ROOT) for file in inside if file.is_relative_to(ROOT) and ".venv" not in file.parts]
    return {file.as_posix() for file in ours if has_code(ROOT / file)}


def test_every_row_tells_lines_and_minutes() -> None:
    told = rows()
    assert len({row.file for row in told}) == len(told) > 60
    for row in told:
        lines = len((ROOT / row.file).read_text(encoding="utf-8").splitlines())
        assert abs(row.lines - lines) <= max(2, lines / 10), f"{row.file}: {lines} lines now, listed with {row.lines}"
        pace = next((pace for ring, pace in PACE.items() if row.section.startswith(ring)), 20)
        assert abs(row.minutes - row.lines / pace) <= 1, row.file


@pytest.mark.parametrize("ring", ["one", "two", "three"])
def test_the_sums_add_up(ring: str) -> None:
    lines, time, unit = re.findall(rf"^\| \[{ring}\].*\| (\d+) \| ([\d.]+) (hours|minutes) \|", AUDIT, re.M)[0]
    inside = [row for row in rows() if row.section.startswith(f"Ring {ring}")]
    assert int(lines) == sum(row.lines for row in inside)
    assert abs(float(time) * (60 if unit == "hours" else 1) - sum(row.minutes for row in inside)) <= 3


def test_the_first_two_rings_are_the_verifier_alone() -> None:
    for row in rows():
        assert row.file.startswith("verifier/") or not row.section.startswith(("Ring one", "Ring two"))


def test_verifying_a_margin_proof_runs_the_list_and_nothing_else(verified_files: Path) -> None:
    files = f"{verified_files}/p.json --market {verified_files}/m.json --setup {verified_files}/s.json"
    ran = traced(f"verify {files} --policy span --trust {verified_files}/trust.json --at {AT}")
    assert ran - listed(RINGS) == set(), "give each a row in docs/audit.md; ./run generate fills in the figures"
    assert listed(RINGS) - ran <= EITHER


def test_checking_a_disclosure_runs_the_list_and_nothing_else(verified_files: Path) -> None:
    files = f"{verified_files}/d.json --market {verified_files}/m.json --setup {verified_files}/s.json"
    ran = traced(f"check-disclosure {files} --trust {verified_files}/trust.json")
    assert ran - listed(RINGS) - listed(DISCLOSURE) == set()
    assert listed(DISCLOSURE) <= ran


def test_verifying_solvency_runs_the_list_and_nothing_else(verified_files: Path) -> None:
    ran = traced(f"solvency verify {verified_files}/solvency.json --setup {verified_files}/solvency-setup.json")
    assert ran - listed(RINGS) - listed(SOLVENCY) == set()
    assert listed(SOLVENCY) <= ran


def test_verifying_a_brokers_proof_runs_the_list_and_nothing_else(verified_files: Path) -> None:
    d = verified_files
    files = f"{d}/bp.json --books {d}/list.json --market {d}/m.json --setup {d}/s.json"
    ran = traced(f"broker verify {files} --policy span --at {AT}")
    assert ran - listed(RINGS) - listed(BROKER) - listed(SOLVENCY) == set()
    assert listed(BROKER) <= ran
