"""Options that several commands share, and what each means."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from zkmargin.prover.kernels.choice import set_threads

Market = Annotated[Path, typer.Option("--market", metavar="M", help="Market file of the epoch, its columns beside it.")]
Policy = Annotated[str, typer.Option("--policy", metavar="P", help="A preset's name or a policy file.")]
SetupFile = Annotated[Path, typer.Option("--setup", metavar="S", help="Setup file, its points beside it.")]
Positions = Annotated[
    list[Path], typer.Option("--positions", metavar="F.csv", help="Positions, once a venue: instrument,quantity.")
]
Out = Annotated[Path, typer.Option("--out", help="Where to write it.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def _use_threads(count: int | None) -> int | None:
    if count is not None:
        set_threads(count)
    return count


Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, metavar="N", callback=_use_threads, help="Threads to use; by default all cores."),
]


def read_key(path: Path) -> bytes:
    """The private key of a key file; a keystore's password may be asked for on a terminal."""
    from zkmargin.api.key_files import read_signing_key  # noqa: PLC0415 - most commands need no key

    return read_signing_key(path, lambda: _ask(path))


def _ask(path: Path) -> str:
    from zkmargin.api.key_files import PASSWORD_VARIABLE, KeyFileError  # noqa: PLC0415

    if not sys.stdin.isatty():
        raise KeyFileError(
            f"{path}: expected a password for the encrypted keystore, and there is no terminal to ask at; set "
            f"{PASSWORD_VARIABLE}"
        )
    password: str = typer.prompt(f"password of {path}", hide_input=True, err=True)
    return password
