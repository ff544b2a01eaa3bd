"""What every command shares: where it prints, and how it tells that it is still alive.

Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from zkmargin.prover.setup import Setup
    from zkmargin.prover.setup.progress import Report


def note(message: str) -> None:
    """One line on standard error. Control characters, which a hostile file's name may hold, are escaped."""
    typer.echo("".join(c if c.isprintable() else repr(c)[1:-1] for c in message), err=True)


def warn_if_unsafe(setup: Setup, path: Path) -> None:
    """Say loudly, on standard error, that a development setup is one."""
    if setup.unsafe:
        note(f"warning: {path}: UNSAFE development setup: proofs under it convince nobody; never use it for value")


def print_json(result: Mapping[str, Any]) -> None:
    """The one JSON object of `--json` on standard output."""
    typer.echo(json.dumps(result, indent=2))


def print_table(rows: Mapping[str, str]) -> None:
    """Names and values in two columns on standard output."""
    width = max(map(len, rows))
    for name, value in rows.items():
        typer.echo(f"{name:<{width}}  {value}")


@contextmanager
def progress() -> Iterator[Report]:
    """A bar on standard error, only when that is a terminal, gone when the block ends; the block gets its `Report`."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    # Loaded here: a terminal's owner waits less for it than every script would.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def report(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total or None)

        yield report
