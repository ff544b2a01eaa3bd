"""Write THIRD-PARTY.txt: the crates that the native module links, with their licences. `--check` only compares.

Needs cargo and the crates' sources, which a build has fetched. The wheel ships the file.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parent
FILE: Final = FOLDER / "THIRD-PARTY.txt"
TARGETS: Final = (
    "aarch64-apple-darwin",
    "aarch64-unknown-linux-gnu",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-msvc",
    "x86_64-unknown-linux-gnu",
)
"""What wheels are built for."""
LICENCE_FILES: Final = ("copying", "copyright", "licence", "license", "notice", "unlicense")
HEADER: Final = """\
zkmargin's native module (zkmargin/_native) links the Rust crates below and Rust's standard library, which is under
MIT OR Apache-2.0 (copyright the Rust Project contributors). The texts of the crates' licences follow the list.
native/third_party.py wrote this file.
"""


def linked() -> set[tuple[str, str]]:
    """Return name and version of every crate that is linked, procedural macros and build scripts left out."""
    found: set[tuple[str, str]] = set()
    for target in TARGETS:
        options = ["--locked", "--target", target, "--edges", "normal,no-proc-macro", "--prefix", "none"]
        for line in _cargo("tree", *options, "--format", "{p}").splitlines():
            name, version = line.split()[:2]
            found.add((name, version.removeprefix("v")))
    return found


def notices() -> str:
    """Return the file's content. Raises FileNotFoundError for a crate that ships no licence."""
    metadata = json.loads(_cargo("metadata", "--format-version", "1", "--locked"))
    names = linked()
    crates = [
        crate
        for crate in sorted(metadata["packages"], key=lambda crate: (crate["name"], crate["version"]))
        if (crate["name"], crate["version"]) in names and crate["source"]
    ]
    texts: dict[str, list[str]] = {}
    for crate in crates:
        for text in _licences(crate):
            texts.setdefault(text, []).append(f"{crate['name']} {crate['version']}")
    listed = "".join(f"  {crate['name']} {crate['version']}  ({crate['license']})\n" for crate in crates)
    return HEADER + "\n" + listed + "".join(f"\n{'-' * 80}\n{', '.join(of)}\n\n{text}\n" for text, of in texts.items())


def _licences(crate: dict[str, Any]) -> Iterator[str]:
    folder = Path(crate["manifest_path"]).parent
    files = sorted(path for path in folder.iterdir() if path.name.lower().startswith(LICENCE_FILES))
    if not files:
        raise FileNotFoundError(f"{crate['name']} {crate['version']}: expected a licence's text in its sources")
    for path in files:
        yield "\n".join(line.rstrip() for line in path.read_text(encoding="utf-8").strip().splitlines())


def _cargo(*arguments: str) -> str:
    run = subprocess.run(["cargo", *arguments], cwd=FOLDER, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603, S607 - the builder's own cargo
    return run.stdout


def main() -> int:
    """Write the file, or with `--check` say whether it is right."""
    content = notices()
    if "--check" in sys.argv[1:]:
        right = FILE.is_file() and FILE.read_text(encoding="utf-8") == content
        print("THIRD-PARTY.txt is up to date" if right else "THIRD-PARTY.txt: run python native/third_party.py")
        return not right
    FILE.write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
