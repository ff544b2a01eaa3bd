"""Points in time as signed documents have them: whole seconds since 1970, ISO-8601 with a time zone in files."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from zkmargin.verifier.errors import FormatError

MAX_SECONDS: Final = 253_402_300_799
"""The last second of the year 9999."""
_FORM: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.%s{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
_INSTANT: Final = re.compile(_FORM % "[0-9]")
_WHOLE: Final = re.compile(_FORM % "0")


def parse_seconds(text: str, where: str) -> int:
    """Seconds since 1970 from an ISO-8601 instant with a time zone and no fraction of a second. Raises FormatError."""
    return _parse(text, where, _WHOLE, "a whole second")


def parse_seconds_down(text: str, where: str) -> int:
    """The same of an instant that may have a fraction of a second, which is dropped. Raises FormatError."""
    return _parse(text, where, _INSTANT, "an instant")


def _parse(text: str, where: str, form: re.Pattern[str], what: str) -> int:
    try:
        if not form.fullmatch(text):
            raise ValueError
        seconds = int(datetime.fromisoformat(text).timestamp() // 1)
    except (ValueError, OverflowError):
        raise FormatError(
            f"{where}: expected {what} with time zone such as 2026-01-02T08:00:00Z, got {text[:40]!r}"
        ) from None
    if not 0 <= seconds <= MAX_SECONDS:
        raise FormatError(f"{where}: expected a year from 1970, got {text!r}")
    return seconds


def format_seconds(seconds: int) -> str:
    """ISO-8601 in UTC with a Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
