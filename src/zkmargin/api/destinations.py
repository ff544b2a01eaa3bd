"""Checks of the files to be written, before the work rather than after it."""

from __future__ import annotations

import os
from pathlib import Path

from zkmargin.verifier.errors import FormatError


def check_destinations(*destinations: tuple[str, str | Path | None], arrays: bool = False) -> None:
    """Raise FormatError unless every (option, path) can be written and all are different. None is not to be written.

    arrays: whether large arrays go beside the file, under its name with the suffix .npz.
    """
    seen: dict[Path, str] = {}
    for option, destination in destinations:
        if destination is None:
            continue
        path = Path(destination)
        if arrays and path.suffix == ".npz":
            raise FormatError(
                f"{option}: {path}: expected a name that does not end in .npz, which its arrays take; use .json"
            )
        if not path.parent.is_dir():
            raise FormatError(f"{option}: {path}: expected its folder to exist; create {path.parent} first")
        if path.is_dir():
            raise FormatError(f"{option}: {path}: expected a file's name, got a folder")
        if not os.access(path.parent, os.W_OK):
            raise FormatError(f"{option}: {path}: expected a folder that can be written to")
        resolved = path.resolve()
        if resolved in seen:
            raise FormatError(f"{option}: {path}: expected another file than {seen[resolved]}'s")
        seen[resolved] = option


def check_folder(option: str, path: Path) -> None:
    """Raise FormatError unless `path` is a folder that can be written to, or can be made in one."""
    if path.exists() and not path.is_dir():
        raise FormatError(f"{option}: {path}: expected a folder, got a file")
    parent = path if path.is_dir() else path.parent
    if not parent.is_dir():
        raise FormatError(f"{option}: {path}: expected its folder to exist; create {parent} first")
    if not os.access(parent, os.W_OK):
        raise FormatError(f"{option}: {path}: expected a folder that can be written to")
