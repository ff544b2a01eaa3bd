"""`zkmargin clean`: remove what interrupted commands left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zkmargin.cli.console import print_json, print_line
from zkmargin.cli.options import Json
from zkmargin.prover.setup import checked
from zkmargin.prover.staging import leftovers, remove_leftover
from zkmargin.verifier.errors import ArgumentError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def clean(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR]...", help="Where to look, folders inside included; by default here."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only name what would be removed.")] = False,
    as_json: Json = False,
) -> None:
    """Remove what interrupted commands left behind.

    A command that is killed, or whose machine stops, leaves a folder `.zkmargin-....tmp` beside its output, which may
    hold secrets. What a running command is writing stays. The cache of setups is cleaned as well."""
    wanted = folders or [Path()]
    for folder in wanted:
        if not folder.is_dir():
            raise ArgumentError("folders", f"{folder}: expected a folder")
    found = [left for folder in [*wanted, checked.folder()] for left in leftovers(folder, deep=True)]
    found = list(dict.fromkeys(left.resolve() for left in found))
    if not dry_run:
        for left in found:
            remove_leftover(left)
    if as_json:
        print_json({"removed": not dry_run, "leftovers": [str(left) for left in found]})
        return
    for left in found:
        print_line(str(left))
    print_line(f"{len(found)} leftovers {'found' if dry_run else 'removed'}")
