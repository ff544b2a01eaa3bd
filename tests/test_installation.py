"""What an installation brings: the base's packages, extras that name themselves, wheels, links."""

from __future__ import annotations

import ast
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import types
import zipfile
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from packaging.requirements import Requirement

from zkmargin.extras import MissingExtraError, extra

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

BASE = {
    *("annotated-doc", "annotated-types", "coincurve", "cytoolz", "eth-hash", "eth-typing", "eth-utils"),
    *("markdown-it-py", "mdurl", "numpy", "py-ecc", "pycryptodome", "pydantic", "pydantic-core", "pygments", "rich"),
    *("shellingham", "toolz", "typer", "typing-extensions", "typing-inspection", "zkmargin"),
}
"""Everything that the base may bring, on some system or other."""
MAX_BASE = 22

IMPORTED_BY_BASE = {"Crypto", "coincurve", "numpy", "py_ecc", "pydantic", "pydantic_core", "rich", "typer"}
IMPORTED_BY_EXTRAS = {
    "chain": {"eth_abi", "eth_account", "hexbytes", "requests", "web3"},
    "api/key_files.py": {"eth_account"},
    "chain/local.py": {"eth", "eth_tester"},
    "exchange": {"polars", "ray", "sqlalchemy"},
    "reports/heat_map.py": {"matplotlib"},
    "reports/backtest_plot.py": {"matplotlib"},
    "prover/kernels/reference.py": {"galois"},
}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def attempt(*command: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command that may fail."""
    environment = {**os.environ, **variables}
    words = list(map(str, command))
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)  # noqa: S603


def brought_by(requirements: list[str], extras: frozenset[str] = frozenset()) -> set[str]:
    """Names of all packages that the requirements bring, as far as what is installed here tells."""
    found: set[str] = set()
    pending = [(Requirement(text), extras) for text in requirements]
    seen: set[tuple[str, frozenset[str]]] = set()
    while pending:
        requirement, of = pending.pop()
        if requirement.marker and not any(requirement.marker.evaluate({"extra": name}) for name in of or {""}):
            continue
        key = canonical(requirement.name), frozenset(requirement.extras)
        if key not in seen:
            seen.add(key)
            found.add(key[0])
            needs = distribution(key[0]).requires or []
            pending += [(Requirement(text), key[1]) for text in needs]
    return found


def test_the_base_is_what_verifying_and_proving_load() -> None:
    brought = brought_by(PROJECT["dependencies"]) | {"zkmargin"}
    assert brought <= BASE
    assert len(brought) <= MAX_BASE


@pytest.mark.parametrize("name", ["web3", "eth-account", "eth-keyfile", "matplotlib", "polars", "sqlalchemy", "ray"])
def test_every_extra_is_one(name: str) -> None:
    named = {canonical(Requirement(text).name) for texts in PROJECT["optional-dependencies"].values() for text in texts}
    assert canonical(name) not in BASE
    assert canonical(name) in named | brought_by(PROJECT["optional-dependencies"]["chain"])


def imports(path: Path) -> Iterator[str]:
    """Top-level names of what a module imports when it runs, wherever it says so."""
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            pending += node.orelse
            continue
        pending += ast.iter_child_nodes(node)


def test_no_module_imports_what_its_installation_may_lack() -> None:
    package = ROOT / "src" / "zkmargin"
    files = [Path(folder, name) for folder, _, names in os.walk(package, followlinks=True) for name in names]
    modules = {path.relative_to(package).as_posix(): path for path in files if path.suffix == ".py"}
    assert {"verifier/verify.py", "circuits/language/program.py", "cli/main.py"} <= modules.keys()
    for name, path in modules.items():
        allowed = {"zkmargin", *IMPORTED_BY_BASE, *sys.stdlib_module_names}
        for room, names in IMPORTED_BY_EXTRAS.items():
            if name == room or name.startswith(f"{room}/"):
                allowed |= names
        assert set(imports(path)) <= allowed, name


# -- extras ------------------------------------------------------------------------------------------------------------

USES = {
    "chain": ("web3", "import zkmargin.chain"),
    "keys": (
        "eth_account",
        "from zkmargin.api.key_files import read_signing_key\nread_signing_key('keystore', lambda: 'password')",
    ),
    "local": ("eth_tester", "from zkmargin.chain.local import LocalChain\nLocalChain(0, bytes(31) + b'1')"),
    "plot": ("matplotlib", "from zkmargin.reports.heat_map import plot_profit\nplot_profit(None, None)"),
    "ray": ("ray", "from zkmargin.exchange import proving\nnext(proving._on_cluster(None, None, [], 'host:1'))"),
    "solvency": ("polars", "from zkmargin.exchange.balances import open_balances\nopen_balances('b.csv')"),
}


def without(module: str, code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter that lacks a module."""
    blocked = f"import sys\nsys.modules[{module!r}] = None\n"
    return attempt(sys.executable, "-c", blocked + code, cwd=folder)


@pytest.mark.parametrize("name", USES)
def test_a_missing_extra_is_one_clear_line(tmp_path: Path, name: str) -> None:
    module, code = USES[name]
    keystore = Account.encrypt(bytes(31) + b"1", "password", kdf="pbkdf2", iterations=1000)
    (tmp_path / "keystore").write_text(json.dumps(keystore))
    (tmp_path / "b.csv").write_text("customer,asset,equity,debt,collateral\n")
    done = without(module, code, tmp_path)
    *_, line = done.stderr.splitlines()
    assert line.startswith("zkmargin.extras.MissingExtraError: ")
    assert line.endswith(f": {module} is not installed; run pip install 'zkmargin[{name}]'")


def test_a_command_without_its_extra_is_bad_usage(tmp_path: Path) -> None:
    arguments = ["chain", "status", "--rpc", "http://127.0.0.1:1", "--deployment", "d", "--account", "0x" + "00" * 20]
    done = without("web3", f"from zkmargin.cli.main import run\nsys.exit(run({arguments}))", tmp_path)
    expected = "error: the chain: web3 is not installed; run pip install 'zkmargin[chain]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", expected)


def test_a_defect_is_not_taken_for_a_missing_extra() -> None:
    for error in (ModuleNotFoundError("no", name="zkmargin.chain.nonsense"), ImportError("cannot import name")):
        with pytest.raises(type(error)) as caught, extra("chain", "the chain"):
            raise error
        assert not isinstance(caught.value, MissingExtraError)


# -- setup.py ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """setup.py's names; setuptools, which need not be installed here, has a stand-in."""
    command: Any = types.ModuleType("setuptools.command.bdist_wheel")
    command.bdist_wheel = type("bdist_wheel", (), {"get_tag": lambda _: ("cp311", "abi3", "linux_x86_64")})
    package: Any = types.ModuleType("setuptools")
    package.setup = lambda **_: None
    for module in (package, types.ModuleType("setuptools.command"), command):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return runpy.run_path(str(ROOT / "setup.py"))


@pytest.mark.parametrize(
    ("symbols", "tag"),
    [
        (b"\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.3.4\0", "manylinux_2_34_x86_64"),
        (b"\0GLIBC_2.28\0GLIBC_2.9\0", "manylinux_2_28_x86_64"),
        (b"\0GLIBC_2.2.5\0", "manylinux_2_17_x86_64"),
        (b"", "manylinux_2_17_x86_64"),
    ],
)
def test_a_wheels_tag_is_what_its_binary_needs(script: dict[str, Any], symbols: bytes, tag: str) -> None:
    assert script["manylinux_tag"](symbols, "x86_64") == tag


@pytest.mark.skipif(sys.platform != "linux", reason="tags of glibc")
def test_a_wheel_without_the_native_module_is_for_any_python(script: dict[str, Any], tmp_path: Path) -> None:
    wheel = script["TaggedWheel"]()
    wheel.bdist_dir = str(tmp_path)
    assert wheel.get_tag() == ("cp311", "abi3", "linux_x86_64")
    (tmp_path / "zkmargin").mkdir()
    assert wheel.get_tag() == ("py3", "none", "any")
    (tmp_path / "zkmargin" / "_native.abi3.so").write_bytes(b"\0GLIBC_2.31\0")
    assert wheel.get_tag()[:2] == ("cp311", "abi3")


def test_links_that_git_wrote_as_files_are_refused(script: dict[str, Any], tmp_path: Path) -> None:
    check = script["check_links"]
    check()
    check.__globals__["PACKAGE"] = tmp_path
    for name in ("circuits", "prover", "verifier"):
        (tmp_path / name).write_text(f"../../{name}")
    with pytest.raises(SystemExit) as caught:
        check()
    assert str(caught.value).startswith("zkmargin: src/zkmargin/circuits: expected a link to the folder circuits")
    assert "git config core.symlinks true" in str(caught.value)


# -- the real thing ----------------------------------------------------------------------------------------------------


def call(*command: object, cwd: Path, **variables: str) -> str:
    """Standard output of a command that must succeed, in which this tree cannot be found."""
    done = attempt(*command, cwd=cwd, PYTHONPATH="", PIP_DISABLE_PIP_VERSION_CHECK="1", **variables)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree, links as links, without what builds and tests leave."""
    copy = tmp_path_factory.mktemp("checkout") / "zkmargin"
    left = ("target", "node_modules", "__pycache__", "*.so", "*.egg-info", ".venv", "build", "dist", ".*cache", ".git")
    shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(*left, "shared"))
    return copy


@pytest.fixture(scope="module")
def built(checkout: Path) -> Path:
    """A folder with the source distribution, and the wheel made from it."""
    tools = checkout.parent / "tools"
    call(sys.executable, "-m", "venv", tools, cwd=checkout)
    call(tools / "bin/pip", "install", "build", "auditwheel", cwd=checkout)
    # Where crates are compiled already, only what depends on the interpreter's path is compiled again.
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "native" / "target"))
    out = checkout.parent / "dist"
    call(tools / "bin/python", "-m", "build", "--outdir", out, checkout, cwd=checkout, CARGO_TARGET_DIR=target)
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def base(wheel: Path, checkout: Path) -> Path:
    """The Python of an environment with nothing but the wheel and what it brings."""
    folder = checkout.parent / "base"
    call(sys.executable, "-m", "venv", folder, cwd=checkout)
    call(folder / "bin/python", "-m", "pip", "install", wheel, cwd=checkout)
    return folder / "bin" / "python"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_wheel_holds_every_module_once_and_no_test(wheel: Path, checkout: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    package = checkout / "src" / "zkmargin"
    files = [Path(folder, name) for folder, _, found in os.walk(package, followlinks=True) for name in found]
    modules = {path.relative_to(package.parent).as_posix() for path in files if path.suffix in {".py", ".pyi"}}
    assert {name for name in names if name.endswith((".py", ".pyi"))} == modules
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert {name.split("/")[0] for name in names} == {"zkmargin", f"{wheel.name.split('-cp')[0]}.dist-info"}
    contents = {name.partition(".dist-info/")[2] for name in names}
    assert {"licenses/LICENSE", "licenses/native/THIRD-PARTY.txt"} <= contents


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("cargo"), reason="a binary for Linux is looked at")
def test_the_wheels_tag_is_auditwheels(wheel: Path, checkout: Path) -> None:
    machine = sysconfig.get_platform().removeprefix("linux-")
    assert re.fullmatch(rf"zkmargin-[\d.]+-cp311-abi3-manylinux_2_\d+_{machine}\.whl", wheel.name)
    shown = " ".join(call(checkout.parent / "tools/bin/auditwheel", "show", wheel, cwd=wheel.parent).split())
    stated = re.search(r'This constrains the platform tag to "(\w+)"', shown)
    assert stated is not None
    assert wheel.name.endswith(f"-{stated[1]}.whl")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_source_distribution_is_whole(built: Path, wheel: Path) -> None:
    # The wheel was built from it, so all that building needs is there.
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert {"setup.py", "LICENSE", "native/Cargo.lock", "src/zkmargin/verifier/verify.py"} <= names
    assert {"src/zkmargin/verifier/contracts/src/Gate.sol", "src/zkmargin/prover/prove.py"} <= names
    assert not any(name.startswith(("tests/", "native/target", "shared")) for name in names)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_demo_works_from_the_base(base: Path, checkout: Path, tmp_path: Path) -> None:
    listed = call(base, "-m", "pip", "list", "--format", "freeze", cwd=tmp_path).split()
    installed = {canonical(line.partition("==")[0]) for line in listed} - {"pip", "setuptools"}
    assert installed <= BASE
    assert len(installed) <= MAX_BASE
    told = call(base.with_name("zkmargin"), "demo", "--json", cwd=tmp_path, ZKMARGIN_CACHE=str(tmp_path / "cache"))
    assert '"valid": true' in told
    # Wherever Python is started, the package is the installed one.
    for folder in (checkout, checkout / "src" / "zkmargin", tmp_path):
        code = "import zkmargin.verifier.verify, zkmargin.circuits.language; print(zkmargin.verifier.__file__)"
        assert "site-packages" in call(base, "-c", code, cwd=folder)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_installation_without_links_says_what_to_do(checkout: Path, tmp_path: Path) -> None:
    copy = tmp_path / "zkmargin"
    shutil.copytree(checkout, copy, symlinks=True)
    for name in ("circuits", "prover", "verifier"):
        (copy / "src/zkmargin" / name).unlink()
        (copy / "src/zkmargin" / name).write_text(f"../../{name}")
    done = attempt(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", tmp_path, ".", cwd=copy)
    assert done.returncode != 0
    said = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    assert any(line.startswith("zkmargin: src/zkmargin/circuits: expected a link to") for line in said)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_mypy_checks_a_users_script_against_an_editable_install(checkout: Path, tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="needs zkmargin[lint]")
    folder = tmp_path / "environment"
    call(sys.executable, "-m", "venv", folder, cwd=tmp_path)
    # Without cargo: the types are those of the stub, and nothing is compiled.
    call(folder / "bin/python", "-m", "pip", "install", "-e", checkout, cwd=tmp_path, PATH=os.defpath)
    script = tmp_path / "user.py"
    script.write_text(
        "import zkmargin\nimport zkmargin.verifier.verify\nfrom zkmargin.circuits.language import Program\n"
        "reveal_type(zkmargin.verify)\nreveal_type(zkmargin.verifier.verify.verify)\nreveal_type(Program)\n"
        "zkmargin.set_threads('two')\n"
    )
    options = ["--python-executable", folder / "bin/python", "--cache-dir", os.devnull]
    done = attempt(sys.executable, "-m", "mypy", *options, script, cwd=tmp_path, PYTHONPATH="", MYPYPATH="")
    assert len(re.findall("Revealed type is .def ", done.stdout)) == 3, done.stdout
    assert '"Any"' not in done.stdout
    assert 'Argument 1 to "set_threads" has incompatible type "str"' in done.stdout
    assert "Found 1 error in 1 file" in done.stdout
