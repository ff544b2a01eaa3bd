"""The figures of docs/audit.md: how many lines each listed file has, and the minutes that reading them takes.

Which files are listed, in which order and why, is written by hand: | [`FILE`](../FILE) | lines | minutes | why |
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
LIST: Final = ROOT / "docs" / "audit.md"
PACE: Final = {"Ring one": 10, "Ring two": 15}
USUAL_PACE: Final = 20
"""Lines a minute, by section."""
TOLERANCE: Final = 0.1
_ROW: Final = re.compile(r"^\| \[`(?P<file>[^`]+)`\]\(\S+\) \| (?P<lines>\d+) \| (?P<minutes>\d+) \|", re.MULTILINE)
_RING: Final = re.compile(
    r"^(?P<start>\| \[(?P<ring>one|two|three)\].*\| )(?P<lines>\d+) \| [\d.]+ \w+ \|$", re.MULTILINE
)


def make() -> dict[str, str]:
    """The list with every figure counted again."""
    sums: dict[str, tuple[int, int]] = {}
    sections = LIST.read_text(encoding="utf-8").split("\n## ")
    counted = [_count(section, sums) for section in sections]
    return {LIST.name: _RING.sub(lambda found: _ring(found, sums), "\n## ".join(counted))}


def same(recorded: str, now: str) -> bool:
    """Whether the lists differ by nothing but line counts within a tenth and what follows from them."""
    if _ROW.sub(r"\g<file>", _RING.sub("", recorded)) != _ROW.sub(r"\g<file>", _RING.sub("", now)):
        return False
    pairs = zip(_ROW.finditer(recorded), _ROW.finditer(now), strict=True)
    return all(abs(int(a["lines"]) - int(b["lines"])) <= max(2, TOLERANCE * int(b["lines"])) for a, b in pairs)


def _count(section: str, sums: dict[str, tuple[int, int]]) -> str:
    title = section.partition("\n")[0]
    pace = next((pace for start, pace in PACE.items() if title.startswith(start)), USUAL_PACE)

    def row(found: re.Match[str]) -> str:
        lines = len((ROOT / found["file"]).read_text(encoding="utf-8").splitlines())
        minutes = max(1, round(lines / pace))
        before = sums.get(title, (0, 0))
        sums[title] = before[0] + lines, before[1] + minutes
        start = found[0].partition(" | ")[0]
        return f"{start} | {lines} | {minutes} |"

    return _ROW.sub(row, section)


def _ring(found: re.Match[str], sums: dict[str, tuple[int, int]]) -> str:
    lines, minutes = next(pair for title, pair in sums.items() if title.startswith(f"Ring {found['ring']}"))
    time = f"{minutes / 60:.1f} hours" if minutes >= 90 else f"{minutes} minutes"
    return f"{found['start']}{lines} | {time} |"
