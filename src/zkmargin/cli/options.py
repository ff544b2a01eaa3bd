"""Options that several commands share, what each means, and the check of what a command writes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from zkmargin.api.arguments import check_outputs
from zkmargin.circuits.markets.units import parse_decimal
from zkmargin.prover.kernels.choice import set_threads
from zkmargin.verifier.errors import FormatError

Market = Annotated[Path, typer.Option("--market", metavar="M", help="Market file of the epoch, its columns beside it.")]
Policy = Annotated[str, typer.Option("--policy", metavar="P", help="A preset's name or a policy file.")]
SetupFile = Annotated[Path, typer.Option("--setup", metavar="S", help="Setup file, its points beside it.")]
Positions = Annotated[
    list[Path], typer.Option("--positions", metavar="F.csv", help="Positions, once a venue: instrument,quantity.")
]
Out = Annotated[Path, typer.Option("--out", help="Where to write it.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Force = Annotated[
    bool, typer.Option("--force", help="Replace an existing key, opening, ceremony's file or deployment record.")
]


Attestors = Annotated[
    list[str] | None,
    typer.Option(
        "--attestor",
        metavar="[VENUE=]0x..",
        help="Who must have signed, and nobody else; repeat it.",
    ),
]
TrustFile = Annotated[
    Path | None, typer.Option("--trust", metavar="FILE", help="Trust file: the setup, every venue's keys.")
]
AnyAttestor = Annotated[
    bool, typer.Option("--any-attestor", help="Accept anybody's signatures; the verdict says UNAUTHENTICATED.")
]
RequireSetup = Annotated[
    str | None, typer.Option("--require-setup", metavar="DIGEST|ceremony", help="Refuse any other setup.")
]


def _use_threads(count: int | None) -> int | None:
    if count is not None:
        set_threads(count)
    return count


Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, metavar="N", callback=_use_threads, help="Threads to use; by default all cores."),
]

Command = TypeVar("Command", bound=Callable[..., None])


def writes(*outputs: str, arrays: bool = False) -> Callable[[Command], Command]:
    """Declare a command's outputs, by parameter; before it runs, they are checked against everything that it reads.

    arrays: whether large arrays go beside them. A parameter `force` allows what `check_outputs` says.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def checked(*args: Any, **kwargs: Any) -> None:
            read = {name: value for name, value in kwargs.items() if name not in outputs and _names_files(name, value)}
            written = {name: kwargs.get(name) for name in outputs}
            check_outputs(written, inputs=read, arrays=arrays, force=kwargs.get("force", False))
            command(*args, **kwargs)

        return checked  # type: ignore[return-value]

    return decorate


def _names_files(parameter: str, value: object) -> bool:
    """Whether an option's value names files: a path, several, or what may be one, such as a policy."""
    several = value if isinstance(value, list) else [value]
    return any(isinstance(each, Path) for each in several) or parameter in ("policy", "customers", "accounts")


def decimals(option: str, given: list[str]) -> dict[str, Decimal]:
    """NAME=NUMBER arguments; a name given twice is refused."""
    found: dict[str, Decimal] = {}
    for text in given:
        name, equals, number = text.rpartition("=")
        if not equals or not name or name in found:
            raise FormatError(f"{option}: expected NAME=NUMBER, each name once")
        try:
            found[name] = parse_decimal(number)
        except ValueError as error:
            raise FormatError(f"{option}: {name}: {error}") from None
    return found


def read_key(path: Path) -> bytes:
    """Return the private key of a key file; a keystore's password may be asked for on a terminal."""
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
