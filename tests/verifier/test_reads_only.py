"""The verifier neither writes nor signs: its syntax trees hold no call that could."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import zkmargin.verifier

FOLDER = Path(str(zkmargin.verifier.__file__)).parent
TOOLS = {"contracts/compile.py"}
"""Makes the artefacts that ship, in a source tree; nothing imports it."""

MODULES = {"coincurve", "eth_account", "eth_keyfile", "eth_keys", "shutil", "tempfile"}
CALLS = {
    *("chmod", "mkdir", "makedirs", "remove", "rename", "rmdir", "rmtree", "symlink_to", "touch", "unlink"),
    *("dump", "fdopen", "mkstemp", "save", "savez", "savez_compressed", "tofile", "write", "write_bytes", "write_text"),
    *("ecdsa_raw_sign", "privtopub", "sign", "sign_msg_hash", "sign_recoverable"),
}


def offences(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom):
            yield from ([node.module] if node.module and node.module.split(".")[0] in MODULES else [])
            yield from (alias.name for alias in node.names if alias.name in CALLS)
        elif isinstance(node, ast.FunctionDef) and node.name.lstrip("_").startswith(("sign_", "write_")):
            yield node.name
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            modes = [item for item in [*node.args, *(word.value for word in node.keywords)] if _is_mode(item)]
            if name in CALLS or (name == "open" and any(set(ast.literal_eval(item)) & set("wax+") for item in modes)):
                yield name


def _is_mode(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and set(node.value) <= set("rwabxt+")


@pytest.mark.parametrize("module", sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.py")))
def test_the_verifier_neither_writes_nor_signs(module: str) -> None:
    if module not in TOOLS:
        assert list(offences((FOLDER / module).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "planted",
    [
        "from coincurve import PrivateKey",
        "import eth_keys.backends",
        "import os\nos.unlink('x')",
        "from os import unlink",
        "open('x', 'wb')",
        "Path('x').open('a')",
        "Path('x').open(mode='r+b')",
        "Path('x').write_text('')",
        "key.sign_msg_hash(digest)",
        "def sign_digest(digest, key): ...",
        "class A:\n    def write_document(self): ...",
    ],
)
def test_what_is_planted_is_found(planted: str) -> None:
    assert list(offences(planted))


def test_reading_is_no_offence() -> None:
    assert not list(offences("with Path('x').open('rb') as stream:\n    stream.read()\nopen('warm', 'r')"))
