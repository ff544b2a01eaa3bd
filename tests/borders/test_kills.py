"""Commands killed at random moments; see kills.py, which runs longer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import kills  # noqa: PLC0415 - a script beside this file

    assert kills.kill_many(seed=7, count=50)["killed"] > 20
