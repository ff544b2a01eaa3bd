"""The `zkmargin` command: its sub-commands, and the one place where errors become a line and an exit code.

Exit codes: 0 done or valid; 1 the statement is false or the proof is rejected; 2 bad input or usage; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any, Final

import typer
import typer.core

import zkmargin
from zkmargin.cli.console import note
from zkmargin.prover.errors import UnsatisfiedError
from zkmargin.verifier.errors import ProofRejected, ZkmarginError

FALSE_STATEMENT: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130

# UsageError, under which both the click inside new releases of typer and the separate one of old releases report.
_UsageError: type[Any] = typer.BadParameter.__bases__[0]

COMMANDS: Final[Mapping[str, str]] = {
    "demo": "Tell the whole story on the shipped sample.",
    "doctor": "Tell what this installation is and uses.",
    "setup": "Make, import and verify powers-of-tau setups.",
    "keygen": "Make key files: a venue's, or an account owner's.",
    "market": "Build the public data of one epoch.",
    "attest": "Commit to an account's positions at a venue, and sign.",
    "evaluate": "Show an account's owner its margin in clear.",
    "profile": "Tell what a policy costs over a market's universe.",
    "prove": "Prove a statement without showing a holding.",
    "trust": "Write a trust file, for `verify` and `check-disclosure`.",
    "verify": "Judge a proof as of a time.",
    "solvency": "Prove that an exchange's reserves cover what it owes.",
    "disclose": "Open one number to one auditor, and nothing else.",
    "check-disclosure": "Judge a disclosure.",
    "chain": "Deploy the contracts, publish epochs, submit proofs, ask the gate.",
}
"""Every command: the module of `zkmargin.cli` that has it as `app`, and its line in `zkmargin --help`."""


class _Commands(Mapping[str, Any]):
    """The commands by name. A command's module is loaded when the command is asked for, and no other one."""

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        command = typer.main.get_command(import_module(f"zkmargin.cli.{name.replace('-', '_')}").app)
        command.name = name
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Group(typer.core.TyperGroup):
    """The group of all commands: listing them loads none of them."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        commands: Any = _Commands()
        self.commands = commands

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    name="zkmargin",
    cls=_Group,
    help="Zero-knowledge proofs that a private, cross-venue portfolio meets its margin requirement.",
    add_completion=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run the command line on the process's arguments and exit."""
    sys.exit(run())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command, by default the process's own arguments, and return its exit code. Raises nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _show_warning
        try:
            # A command returns None; typer turns its own Exit, and an interruption, into the code.
            code = typer.main.get_command(app)(arguments, prog_name="zkmargin", standalone_mode=False) or 0
        except (Exception, KeyboardInterrupt) as error:
            code, message = _verdict(error)
            note(f"error: {' '.join(message.split())}")
        else:
            if code == INTERRUPTED:
                note("error: interrupted")
    return int(code)


def _verdict(error: BaseException) -> tuple[int, str]:
    """The exit code and the one line for an error."""
    match error:
        case ProofRejected() | UnsatisfiedError():
            return FALSE_STATEMENT, str(error)
        case ZkmarginError():
            return FALSE_STATEMENT if _has_no_proof(error) else BAD_INPUT, str(error)
        case KeyboardInterrupt() | typer.Abort():
            return INTERRUPTED, "interrupted"
        case OSError():
            return BAD_INPUT, f"{error.filename or 'operating system'}: {error.strerror or error}"
        case _ if isinstance(error, _UsageError):
            return BAD_INPUT, f"{error.format_message().rstrip('.')}; see zkmargin --help"
        case _:
            return BAD_INPUT, _defect(error)


def _has_no_proof(error: ZkmarginError) -> bool:
    """Whether the statement is false. Asked of a failure only: the classes come with half of the program."""
    from zkmargin.circuits.language.errors import WitnessRangeError  # noqa: PLC0415
    from zkmargin.circuits.statements.margin.prover import InadequateError  # noqa: PLC0415
    from zkmargin.circuits.statements.solvency.settlement import InsolventError  # noqa: PLC0415

    return isinstance(error, InadequateError | InsolventError | WitnessRangeError)


def _defect(error: BaseException) -> str:
    """A defect of the program. Its message may quote a holding, so only its kind and place are told."""
    if os.environ.get("ZKMARGIN_DEBUG"):
        traceback.print_exception(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"a defect of zkmargin: {type(error).__name__} at {os.path.basename(frame.filename)}:{frame.lineno}; please "
        "report it. ZKMARGIN_DEBUG=1 shows a traceback, which may show holdings"
    )


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    note(f"warning: {' '.join(str(message).split())}")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(zkmargin.__version__)
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The options before a command."""
