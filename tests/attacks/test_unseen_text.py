"""The lie: text with characters that do not show, or that move what does. Told by: whoever writes a file.

Gained: two auditors' names that look alike and are not; a line on a terminal that overwrites the verdict; a page that
reads from right to left. Refused: names and purposes hold only what shows, and what is printed from a file stands
escaped.
"""

from __future__ import annotations

import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.cli.console import note, print_line, print_table
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.statements.disclosure import check_text
from zkmargin.verifier.text import is_visible, shown

HOSTILE = (
    "\x1b[2K\rvalid",
    "Ash\u200bBirch",
    "Ash\u202eBirch",
    "Ash\u2066Birch",
    "Ash\ufe0fBirch",
    "Ash\u3164Birch",
    "Ash\u034fBirch",
    "Ash\u00adBirch",
    "Ash\u00a0Birch",
    "Ash\u2800Birch",
    "Ash\U000e0041Birch",
    "Ash\ufeffBirch",
    "Ash\x9b31mBirch",
    "Ash\ue000Birch",
    "Ash\ud800Birch",
    "Ash\nBirch",
)


@pytest.mark.parametrize("text", [*HOSTILE, " Ash", "Ash ", "", "A" * 201])
def test_a_name_that_does_not_show_whole_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="auditor: expected 1 to 200 printable characters"):
        check_text(text, "auditor")


@pytest.mark.parametrize("text", ["Ash & Birch", "Müller, Söhne", "会計事務所", "Аудитор", "א"])
def test_a_name_that_shows_is_taken(text: str) -> None:
    assert check_text(text, "auditor") == shown(text) == text


@given(st.text(st.characters(codec=None)))
def test_what_is_shown_shows(text: str) -> None:
    told = shown(text)
    assert all(map(is_visible, told))
    assert told == text or not all(map(is_visible, text))


def test_no_control_or_direction_is_visible() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character)[0] == "C" or unicodedata.bidirectional(character) in ("LRE", "RLO", "PDI"):
            assert not is_visible(character)


@pytest.mark.parametrize("text", HOSTILE[:-1])
def test_a_terminal_gets_it_escaped(capsys: Any, text: str) -> None:
    print_table({"auditor": text})
    print_line(text)
    note(text)
    told = capsys.readouterr()
    for stream in (told.out, told.err):
        assert all(map(is_visible, stream.replace("\n", "")))
