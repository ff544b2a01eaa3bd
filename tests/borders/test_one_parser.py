"""Parsing happens in one place: a rule over the syntax trees of the whole package."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
ROOMS: Final = ("verifier", "prover", "circuits", "src/zkmargin")
DOCUMENTS: Final = "verifier/documents.py"
BALANCES: Final = ("src/zkmargin/exchange/balances.py", "src/zkmargin/exchange/books.py")
PARSERS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("json.load", "json.loads", "json.JSONDecoder", "json.decoder"), (DOCUMENTS,)),
    "csv": ("verifier/tables.py",),
    "polars.scan_parquet": BALANCES,
    # Archives are read in the first of these places and written in the others.
    "zipfile": (DOCUMENTS, "prover/writing.py", "src/zkmargin/exchange/inclusion_files.py"),
    **dict.fromkeys(
        (
            *("pydantic_core.from_json", "ast", "pickle", "marshal", "shelve", "plistlib", "configparser", "tomllib"),
            *("yaml", "xml", "simplejson", "orjson", "eval", "exec", "compile"),
            *("numpy.load", "numpy.loadtxt", "numpy.genfromtxt", "numpy.fromfile", "numpy.fromstring", "numpy.memmap"),
            *("numpy.lib.format.read_array", "polars.read_csv", "polars.scan_csv", "polars.read_parquet"),
            *("polars.read_json", "polars.read_ndjson", "polars.scan_ndjson"),
        ),
        (),
    ),
}
"""What parses, or belongs to it, and the files that may use it."""
METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        (
            *("model_validate_json", "validate_json", "model_validate_strings", "validate_strings", "parse_raw"),
            *("parse_file", "from_json", "raw_decode", "read_csv", "scan_csv"),
        ),
        (),
    ),
    "scan_parquet": BALANCES,
    # What ships in the package, the sources of its contracts, and /proc: the rest of files is read up to a bound.
    **dict.fromkeys(
        ("read_text", "read_bytes"),
        (
            "verifier/contracts/artifacts.py",
            "verifier/contracts/compile.py",
            "circuits/policies/generation.py",
            "src/zkmargin/cli/doctor.py",
            "src/zkmargin/reports/inclusion_page.py",
        ),
    ),
}
"""Methods that parse, or read a file to its end, of whatever object."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            relative = path.relative_to(ROOT)
            if "node_modules" not in relative.parts and not (
                room == "src/zkmargin" and relative.parts[2] in ("verifier", "prover", "circuits")
            ):
                yield relative.as_posix(), ast.parse(path.read_bytes())


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    """`np.lib.format` as numpy.lib.format, by the module's imports."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    return f"{dotted(node.value, names)}.{node.attr}" if isinstance(node, ast.Attribute) else "?"


def uses(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every dotted name that a module imports or uses, with its line."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield node.lineno, f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.lineno, dotted(node, names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.lineno, names.get(node.func.id, node.func.id)


def violations(file: str, tree: ast.Module) -> list[str]:
    found = []
    for line, name in uses(tree):
        parser = next((each for each in PARSERS if name == each or name.startswith(f"{each}.")), "")
        method = name.rpartition(".")[2] if "." in name else ""
        if file not in PARSERS.get(parser, (file,)) or file not in METHODS.get(method, (file,)):
            found.append(f"{file}:{line}: {name}")
    return found


def test_parsing_is_done_in_one_place() -> None:
    trees = dict(sources())
    assert len(trees) > 100
    assert [each for file, tree in trees.items() for each in violations(file, tree)] == []


@pytest.mark.parametrize(
    "planted",
    [
        "import json\njson.loads('1')",
        "import json as j\nj.load(f)",
        "from json import loads",
        "from json import JSONDecoder as D",
        "import json.decoder",
        "from json import decoder",
        "import numpy as np\nnp.load(f)",
        "from numpy import load",
        "from pydantic_core import from_json",
        "import pydantic_core\npydantic_core.from_json(b'1')",
        "Model.model_validate_json('1')",
        "from pydantic import TypeAdapter\nTypeAdapter(int).validate_json('1')",
        "import csv\ncsv.reader(f)",
        "import polars\npolars.scan_csv(f)",
        "polars = load()\npolars.scan_csv(f)",
        "from pathlib import Path\nPath('x').read_text()",
        "path.read_bytes()",
        "import pickle",
        "from yaml import safe_load",
        "import ast\nast.literal_eval('1')",
        "from zipfile import ZipFile",
        "eval('1')",
    ],
)
def test_a_planted_parser_is_found(planted: str) -> None:
    assert violations("src/zkmargin/api/planted.py", ast.parse(planted))


@pytest.mark.parametrize("harmless", ["import json\njson.dumps(1)", "import re\nre.compile('x')", "x.loads", "load(f)"])
def test_writing_is_not_parsing(harmless: str) -> None:
    assert violations("src/zkmargin/api/planted.py", ast.parse(harmless)) == []


# -- the recursion limit -----------------------------------------------------------------------------------------------


def test_py_ecc_is_imported_under_guard() -> None:
    """By its own modules; web3 and eth-account bring it too, which the next test sees."""
    for file, tree in sources():
        guarded = {
            id(node)
            for block in ast.walk(tree)
            if isinstance(block, ast.With)
            and any(isinstance(item.context_expr, ast.Call) for item in block.items)
            and "recursion_limit_kept" in ast.dump(block.items[0].context_expr)
            for node in ast.walk(block)
        }
        for node in ast.walk(tree):
            modules = [node.module] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any((module or "").split(".")[0] == "py_ecc" for module in modules):
                assert id(node) in guarded, f"{file}:{getattr(node, 'lineno', 0)}"


LIMIT_SCRIPT = """
import importlib, pkgutil, sys
before = sys.getrecursionlimit()
import zkmargin
for module in pkgutil.walk_packages(zkmargin.__path__, "zkmargin."):
    if module.name.rpartition(".")[2] not in ("__main__", "ray"):
        importlib.import_module(module.name)
from pathlib import Path
from zkmargin.api.key_files import read_signing_key
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.setup import development_setup
from zkmargin.verifier.curve import PythonEngine
from zkmargin.verifier.ethereum import recover_signer
PythonEngine()
development_setup(32, load_backend())
recover_signer(bytes(32), (1).to_bytes(32, "big") + (1).to_bytes(32, "big") + bytes([27]), "test")
read_signing_key(Path(sys.argv[1]), lambda: sys.argv[2])
assert "py_ecc" in sys.modules and "web3" in sys.modules and "eth_account" in sys.modules
print(before, sys.getrecursionlimit())
"""


def test_the_recursion_limit_is_left_as_found(made_shelf: Path) -> None:
    from support.shelf import PASSWORD  # noqa: PLC0415

    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", LIMIT_SCRIPT, str(made_shelf / "keystore.json"), PASSWORD],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    before, after = run.stdout.split()[-2:]
    assert before == after
