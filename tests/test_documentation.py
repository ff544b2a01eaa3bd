"""Documents are listed, their links lead somewhere, and the changelog's table of moved names is true."""

from __future__ import annotations

import os
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    path
    for folder in ("", ".github", "docs", "native", "verifier", "examples", "benchmarks")
    for path in (ROOT / folder).glob("**/*.md" if folder in ("docs", ".github") else "*.md")
) + sorted((ROOT / "native").glob("*/README.md"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
MOVED = re.compile(r"^\| `([\w.]+)` \| `([\w.]+)` \|$", re.MULTILINE)


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings: words in lower case, joined by hyphens."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def test_every_document_is_listed() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {target.split("#")[0] for target in LINK.findall(index.read_text(encoding="utf-8"))}
    documents = {*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")} - {index}
    assert {os.path.relpath(path, index.parent).replace(os.sep, "/") for path in documents} - listed == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    broken = []
    for target in LINK.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and anchor not in anchors(file.read_text(encoding="utf-8"))):
            broken.append(target)
    assert broken == []


def exists(name: str) -> bool:
    """Whether a module or a module's name can be imported."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        module = ".".join(parts[:length])
        try:
            found = find_spec(module) is not None
        except ModuleNotFoundError:
            continue
        if found:
            value = import_module(module)
            for attribute in parts[length:]:
                if not hasattr(value, attribute):
                    return False
                value = getattr(value, attribute)
            return True
    return False


def test_moved_names_are_where_the_changelog_says() -> None:
    moved = MOVED.findall((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert len(moved) > 50
    assert [new for _, new in moved if not exists(new)] == []
    # Some modules became packages of the same name.
    assert [old for old, new in moved if exists(old) and not new.startswith(f"{old}.")] == []
