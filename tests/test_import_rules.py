"""The import rules have no hole: whatever breaks one is seen, wherever it is planted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CLEAN = "0 broken"

PLANTED = {
    "the verifier asks for keys": ("verifier/srs.py", "from zkmargin.api import key_files\n"),
    "the verifier asks inside a function": (
        "verifier/field.py",
        "def planted() -> object:\n    from zkmargin.api.key_files import read_signing_key as f\n\n    return f\n",
    ),
    "the verifier asks the prover": ("verifier/statements/margin.py", "import zkmargin.prover.vectors\n"),
    "the prover asks a circuit": ("prover/tape.py", "import zkmargin.circuits.language.errors\n"),
    "a circuit asks the exchange": ("circuits/statements/solvency/circuit.py", "import zkmargin.exchange.balances\n"),
    "a circuit asks the API": ("circuits/language/graph.py", "import zkmargin.api.arguments\n"),
    "the language asks a market": ("circuits/language/graph.py", "import zkmargin.circuits.markets.units\n"),
    "the API asks a chain": ("src/zkmargin/api/verification.py", "import zkmargin.chain.client\n"),
    "a report asks the exchange": ("src/zkmargin/reports/solvency.py", "import zkmargin.exchange.balances\n"),
    "something asks the command line": ("src/zkmargin/demo/story.py", "import zkmargin.cli.console\n"),
    "a module without a layer": ("src/zkmargin/novelty.py", '"""A room that nobody named."""\n'),
    "a package without a layer": ("src/zkmargin/novelties/__init__.py", '"""Rooms that nobody named."""\n'),
    "a verdict asks a round": ("circuits/statements/margin/verification.py", "import zkmargin.prover.rounds.opening\n"),
    "a verdict asks for a witness, by a detour": ("circuits/language/keys.py", "import zkmargin.prover.key\n"),
    "a verdict asks a plotter": ("circuits/policies/policy.py", "import matplotlib.pyplot\n"),
    "a command that verifies asks a node": ("src/zkmargin/cli/verify.py", "import web3\n"),
}


def all_but_python(folder: str, names: list[str]) -> list[str]:
    """What a copy of the sources leaves out."""
    kept = [name for name in names if name.endswith(".py") or (Path(folder) / name).is_dir()]
    return [name for name in names if name not in kept or name == "__pycache__" or name.endswith(".egg-info")]


def linted(tree: Path) -> str:
    """What the import linter says of a tree."""
    linter = Path(sys.executable).parent / "lint-imports"
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "COLUMNS": "200"}
    command = [str(linter), "--no-cache", "--config", str(tree / "pyproject.toml")]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode == 0) == (CLEAN in done.stdout), done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, links and all."""
    pytest.importorskip("importlinter")
    tree = tmp_path_factory.mktemp("copy") / "tree"
    for folder in ("src", "circuits", "prover", "verifier"):
        shutil.copytree(ROOT / folder, tree / folder, symlinks=True, ignore=all_but_python)
    shutil.copy(ROOT / "pyproject.toml", tree)
    return tree


def test_the_tree_as_it_is(clean: Path) -> None:
    assert CLEAN in linted(clean)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_import_is_seen(clean: Path, name: str) -> None:
    path, text = PLANTED[name]
    file = clean / path
    before = file.read_text(encoding="utf-8") if file.exists() else None
    file.parent.mkdir(exist_ok=True)
    file.write_text((before or "") + text, encoding="utf-8")
    try:
        said = linted(clean)
        assert "BROKEN" in said, name
        assert (file.parent if file.stem == "__init__" else file).stem in said.partition("BROKEN")[2]
    finally:
        if before is None:
            file.unlink()
            if not any(file.parent.glob("*.py")):
                file.parent.rmdir()
        else:
            file.write_text(before, encoding="utf-8")
