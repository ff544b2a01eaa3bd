"""Make again everything in git that follows from something else in git, or say what is out of date.

    ./run generate            writes what differs
    ./run generate --check    writes nothing; exit code 1 and a list when something differs

Dated presets, snapshots of what every preset costs, the auditor's reading list, JSON Schemas, contract artefacts, the
licences of linked crates, the customers' page, the sample, the README's pictures. What needs node or cargo is left out,
and said to be, where it is not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import audit
import snapshots

from zkmargin.circuits.policies import generation
from zkmargin.verifier.contracts import compile as compiler

ROOT: Final = Path(__file__).resolve().parents[1]
SNAPSHOTS: Final = ROOT / "benchmarks" / "snapshots"
SCHEMAS: Final = ROOT / "docs" / "schemas"
IMAGES: Final = ROOT / "docs" / "images"
NATIVE: Final = ROOT / "native"
PAGES: Final = ROOT / "src" / "zkmargin" / "reports" / "pages"
SAMPLE: Final = ROOT / "src" / "zkmargin" / "sample"
MAX_CHANGES: Final = 12
"""Figures of one file that are listed one by one."""


class Unavailable(Exception):
    """A tool that making something needs is not installed; the message says which."""


@dataclass(frozen=True)
class Generated:
    """Files that are made together.

    make: their content, all that `folder` holds under `pattern`. same(there, made): whether what is there will do.
    then(there, made): what else to make where it will not.
    """

    name: str
    folder: Path
    pattern: str
    make: Callable[[], Mapping[str, str]]
    same: Callable[[str, str], bool] = str.__eq__
    then: Callable[[str, str], None] | None = None


def _script(path: Path) -> ModuleType:
    """A script of the repository as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path}: expected a script")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


def _make_presets() -> dict[str, str]:
    return {name: generation.render(document) + "\n" for name, document in generation.generated().items()}


def _make_snapshots() -> dict[str, str]:
    return {name: _json(value) for name, value in snapshots.snapshots()}


def _same_snapshot(recorded: str, now: str) -> bool:
    return snapshots.same(json.loads(recorded), json.loads(now))


def _make_schemas() -> dict[str, str]:
    export = _script(SCHEMAS / "export.py")
    return {name: export.encode(schema) for name, schema in export.schemas().items()}


def _make_artifacts() -> dict[str, str]:
    if not (compiler.FOLDER / "node_modules" / "solc").is_dir() or shutil.which("node") is None:
        raise Unavailable("no Solidity compiler: run npm install in verifier/contracts")
    return {f"{name}.json": compiler.encode(artifact) for name, artifact in compiler.compile_contracts().items()}


def _make_licences() -> dict[str, str]:
    if shutil.which("cargo") is None:
        raise Unavailable("no cargo")
    return {"THIRD-PARTY.txt": _script(NATIVE / "third_party.py").notices()}


def _make_page() -> dict[str, str]:
    if not (PAGES / "node_modules" / "esbuild").is_dir() or shutil.which("node") is None:
        raise Unavailable("no bundler: run npm ci in src/zkmargin/reports/pages")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for source in (*PAGES.glob("*.mjs"), *PAGES.glob("package*.json"), PAGES / "page.html"):
            shutil.copy(source, folder)
        (folder / "node_modules").symlink_to(PAGES / "node_modules")
        subprocess.run(["node", "build.mjs"], cwd=folder, check=True)  # noqa: S607 - node as it is on the path
        return {"inclusion.html": (folder / "inclusion.html").read_text(encoding="utf-8")}


def _make_sample() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("make_sample.py", "make_history.py"):
            script = ROOT / "examples" / name
            subprocess.run([sys.executable, str(script), scratch], stdout=subprocess.DEVNULL, check=True)  # noqa: S603
        return {path.name: path.read_text(encoding="utf-8") for path in Path(scratch).iterdir()}


def _make_digests() -> dict[str, str]:
    return {"digests.json": _json(_script(IMAGES / "render.py").digests())}


def _same_images(recorded: str, now: str) -> bool:
    return recorded == now and all((IMAGES / name).is_file() for name in json.loads(now))


def _draw_images(recorded: str, now: str) -> None:
    """Draw those whose data has changed: new pixels of old data would be noise."""
    before = json.loads(recorded or "{}")
    for name, digest in json.loads(now).items():
        if before.get(name) != digest or not (IMAGES / name).is_file():
            _script(IMAGES / "render.py").draw(name)


EVERYTHING: Final = (
    Generated("presets", generation.FOLDER, "*@*.json", _make_presets),
    Generated("snapshots", SNAPSHOTS, "*.json", _make_snapshots, same=_same_snapshot),
    Generated("reading list", audit.LIST.parent, audit.LIST.name, audit.make, same=audit.same),
    Generated("schemas", SCHEMAS, "*.json", _make_schemas),
    Generated("contract artefacts", compiler.ARTIFACTS, "*.json", _make_artifacts),
    Generated("licences", NATIVE, "THIRD-PARTY.txt", _make_licences),
    Generated("customers' page", PAGES, "inclusion.html", _make_page),
    Generated("sample", SAMPLE, "*", _make_sample),
    Generated("images", IMAGES, "*.json", _make_digests, same=_same_images, then=_draw_images),
)


def differences(generated: Generated, *, write: bool) -> list[str]:
    """A line for each file that differs from what its sources give; with `write` none does afterwards."""
    made, lines = generated.make(), []
    for path in sorted(generated.folder.glob(generated.pattern)):
        if path.is_file() and path.name not in made:
            lines.append(f"{_shown(path)}: nothing makes this file")
            if write:
                path.unlink()
    for name, content in made.items():
        path = generated.folder / name
        there = path.read_text(encoding="utf-8") if path.is_file() else ""
        if there and generated.same(there, content):
            continue
        lines += [f"{_shown(path)}: {change}" for change in _changes(there, content)]
        if write:
            path.write_text(content, encoding="utf-8")
            if generated.then is not None:
                generated.then(there, content)
    return lines


def main(arguments: list[str]) -> int:
    """Write or check everything; return the exit code."""
    parser = argparse.ArgumentParser(prog="./run generate", description="Make generated files again.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when something differs")
    parser.add_argument("what", nargs="*", help=f"some of: {', '.join(each.name for each in EVERYTHING)}; default all")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.what) - {each.name for each in EVERYTHING})
    if unknown:
        parser.error(f"expected some of {', '.join(each.name for each in EVERYTHING)}, got {', '.join(unknown)}")
    stale = False
    for generated in EVERYTHING:
        if options.what and generated.name not in options.what:
            continue
        try:
            lines = differences(generated, write=not options.check)
        except Unavailable as error:
            print(f"{generated.name}: left out: {error}")
            continue
        verb = "out of date" if options.check else "written"
        print(f"{generated.name}: {verb if lines else 'up to date'}")
        for line in lines:
            print(f"  {line}")
        stale = stale or bool(lines)
    if stale and options.check:
        print("generated files are out of date: run ./run generate, and look at what changes", file=sys.stderr)
        return 1
    return 0


def _shown(path: Path) -> Path:
    return path.relative_to(ROOT)


def _changes(there: str, content: str) -> list[str]:
    """What differs: figure by figure in JSON objects that are small, else that something does."""
    if not there:
        return ["missing"]
    try:
        old, new = _figures(json.loads(there)), _figures(json.loads(content))
    except ValueError:
        return ["differs"]
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    if not changed or len(changed) > MAX_CHANGES:
        return ["differs"]
    return [f"{name}: {old.get(name, 'none')} -> {new.get(name, 'none')}"[:200] for name in changed]


def _figures(value: Any, prefix: str = "") -> dict[str, Any]:
    """Every number and text of nested objects, by its path."""
    if isinstance(value, dict):
        return {k: v for name, each in value.items() for k, v in _figures(each, f"{prefix}.{name}").items()}
    return {prefix.removeprefix("."): value}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
