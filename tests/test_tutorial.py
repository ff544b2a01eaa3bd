"""docs/tutorial.md, every command as written, in order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(sh|python)(?: exit=([0-9]+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.skipif(os.name == "nt", reason="shell")
def test_every_command_as_written(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, start in (("zkmargin", '-c "from zkmargin.cli import main; main()"'), ("python", "")):
        (tools / name).write_text(f'#!/bin/sh\nexec {sys.executable} {start} "$@"\n')
        (tools / name).chmod(0o755)
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    assert len(blocks) == text.count("```") // 2
    folder = tmp_path
    for language, code, text in blocks:
        arguments = ["bash", "-eu", "-c", text] if language == "sh" else [sys.executable, "-c", text]
        done = subprocess.run(  # noqa: S603
            arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == int(code or 0), f"{text}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        folder = tmp_path / "desk"
    assert {"proof.json", "moves.png", "delta.json", "house-market.json"} <= {path.name for path in folder.iterdir()}
    assert not {"none.json", "sealed-proof.json"} & {path.name for path in folder.iterdir()}
