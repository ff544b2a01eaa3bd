"""How long work tells of itself without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Report: TypeAlias = Callable[[str, int, int], None]
"""Called with (stage, units done, units in all); 0 in all while nobody can say."""


def silent(stage: str, done: int, total: int) -> None:
    """The listener that is not there."""
