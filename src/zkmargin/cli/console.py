"""Print results, notes and progress: what every command shares.

Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import errno
import io
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TextIO

import typer

from zkmargin.verifier.errors import ZkmarginError
from zkmargin.verifier.text import shown

if TYPE_CHECKING:
    from zkmargin.prover.setup import Setup
    from zkmargin.prover.setup.progress import Report

FIRST_LINE_SECONDS: Final = 3.0
LINE_SECONDS: Final = 10.0


class OutputError(ZkmarginError):
    """Standard output cannot be written: it is closed, its reader is gone, or its disk is full."""


class _Output(io.TextIOBase):
    """Standard output whose failures are OutputErrors, which no library takes for its own."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return getattr(self._stream, "errors", None)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        if self._stream is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._stream.fileno()

    def write(self, text: str) -> int:
        if self._stream is None:
            raise OutputError("standard output: it is closed")
        with _failures():
            return self._stream.write(text)

    def flush(self) -> None:
        if self._stream is not None:
            with _failures():
                self._stream.flush()


@contextmanager
def standard_output() -> Iterator[None]:
    """Let failures of standard output within the block, also of what is buffered, be OutputErrors."""
    stream = sys.stdout
    sys.stdout = _Output(stream)
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout = stream


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is closed"
        raise OutputError(f"standard output: {reason}") from None


def note(message: str) -> None:
    """Print one line on standard error, where there is one. Control characters, as of a file's name, are escaped."""
    with suppress(OSError, ValueError):
        typer.echo(shown(message), err=True)


def warn_if_unsafe(setup: Setup, path: Path) -> None:
    """Say loudly, on standard error, that nobody vouches for a setup."""
    if setup.unsafe and setup.development:
        note(f"warning: {path}: UNSAFE development setup: proofs under it convince nobody; never use it for value")
    elif setup.unsafe:
        note(f"warning: {path}: UNSAFE: a setup of no known ceremony; whoever made it may know x and forge proofs")


def print_json(result: Mapping[str, Any]) -> None:
    """Print the one JSON object of `--json` on standard output."""
    typer.echo(json.dumps(result, indent=2))


def print_line(text: str) -> None:
    """Print text and a line's end on standard output. What does not show is escaped, but for ends of lines."""
    typer.echo("\n".join(map(shown, text.split("\n"))))


def print_table(rows: Mapping[str, str]) -> None:
    """Print names and values in two columns on standard output."""
    width = max(map(len, rows))
    for name, value in rows.items():
        typer.echo(f"{name:<{width}}  {shown(value)}")


@contextmanager
def progress() -> Iterator[Report]:
    """Show progress on standard error; the block gets the `Report` to call.

    On a terminal it is a bar that is gone when the block ends. Elsewhere it is a line now and then, the first when the
    work has taken a while.
    """
    if not sys.stderr or not sys.stderr.isatty():
        with _lines() as report:
            yield report
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


@contextmanager
def _lines() -> Iterator[Report]:
    """Print a line after `FIRST_LINE_SECONDS`, then every `LINE_SECONDS`, whether or not the work reports meanwhile."""
    started = monotonic()
    current: list[tuple[str, int, int]] = [("working", 0, 0)]
    ended = threading.Event()

    def tell() -> None:
        wait = FIRST_LINE_SECONDS
        while not ended.wait(wait):
            stage, done, total = current[0]
            share = f", {100 * done // total} %" if total else ""
            note(f"{monotonic() - started:.0f} s: {stage}{share}")
            wait = LINE_SECONDS

    def report(stage: str, done: int, total: int) -> None:
        current[0] = (stage, done, total)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield report
    finally:
        ended.set()
        teller.join()
