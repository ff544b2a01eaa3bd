"""The `zkmargin` command: its sub-commands, and the one place where errors become a line and an exit code.

Exit codes: 0 done or valid; 1 the statement is false or the proof is rejected, and nothing else; 2 bad input or usage;
74 the output cannot be written, as to a closed pipe or a full disk; 129, 130, 143 hung up, interrupted, terminated.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import typer.core

import zkmargin
from zkmargin.cli.console import OutputError, note, standard_output
from zkmargin.verifier.errors import ArgumentError, FormatError, NoProofError, ProofRejected, ZkmarginError

FALSE_STATEMENT: Final = 1
BAD_INPUT: Final = 2
UNWRITABLE: Final = 74
"""EX_IOERR of sysexits.h."""
INTERRUPTED: Final = 130
SIGNALLED: Final = 128
"""Added to a signal's number, as shells do."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What the system says when a file cannot be written any further."""

_PANIC: Final = "the system refused to start the kernels' threads"
"""What the native kernels panic with where a process may have no more threads."""

# UsageError, under which both the click inside new releases of typer and the separate one of old releases report.
_UsageError: type[Any] = typer.BadParameter.__bases__[0]

COMMANDS: Final[Mapping[str, str]] = {
    "demo": "Run the demo on the shipped sample.",
    "doctor": "Show what this installation is and uses.",
    "setup": "Make, import and verify powers-of-tau setups.",
    "keygen": "Make key files: a venue's, or an account owner's.",
    "market": "Build the public data of one epoch.",
    "policy": "Look at policies, compare them, make new ones.",
    "attest": "Commit to an account's positions at a venue, and sign.",
    "evaluate": "Compute an account's margin in clear, for its owner.",
    "profile": "Show what a policy costs over a market's universe.",
    "prove": "Prove a statement without showing a holding.",
    "trust": "Write a trust file, for `verify` and `check-disclosure`.",
    "verify": "Verify a proof at a given time.",
    "solvency": "Prove that an exchange's reserves cover what it owes.",
    "broker": "Prove that every account of a broker meets its requirement.",
    "disclose": "Disclose one number to one auditor, and nothing else.",
    "check-disclosure": "Verify a disclosure.",
    "chain": "Deploy the contracts, publish epochs, submit proofs, ask the gate.",
    "revoke": "Take back a venue's attestations of an account, on chain.",
    "clean": "Remove what interrupted commands left behind.",
}
"""Every command: the module of `zkmargin.cli` that has it as `app`, and its line in `zkmargin --help`."""


class _Commands(Mapping[str, Any]):
    """The commands by name. A command's module is loaded when the command is asked for, and no other one."""

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        command = typer.main.get_command(import_module(f"zkmargin.cli.{name.replace('-', '_')}").app)
        command.name = name
        _prepare(command)
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

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        # Of the commands' names alone: the inherited method loads every command to ask whether it is hidden.
        if incomplete.startswith("-"):
            return list(super().shell_complete(ctx, incomplete))
        return [_completion(name, text) for name, text in COMMANDS.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    name="zkmargin",
    cls=_Group,
    help="Zero-knowledge proofs that a private, cross-venue portfolio meets its margin requirement.",
    rich_markup_mode=None,
)


def main() -> None:
    """Run the command line on the process's arguments and exit."""
    _reserve_descriptors()
    with _signals_raise():
        code = run()
    if code == UNWRITABLE:
        _discard_output()
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command, by default the process's own arguments, and return its exit code. Raises nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _show_warning
        try:
            with standard_output():
                # A command returns None; typer turns its own Exit, and an interruption, into the code.
                code = typer.main.get_command(app)(arguments, prog_name="zkmargin", standalone_mode=False) or 0
        except SystemExit:
            raise
        except BaseException as error:
            # A panic of native code is no Exception, and Python's own exit code for it would be the one of a verdict.
            code, message = _verdict(error)
            note(f"error: {' '.join(message.split())}")
        else:
            if code == INTERRUPTED:
                note("error: interrupted")
    return int(code)


class Signalled(BaseException):
    """A signal asks the process to end. Like KeyboardInterrupt it is not an Exception: nothing but `run` catches it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Make SIGTERM and SIGHUP unwind as Ctrl-C does, so that temporary files go and locks are released."""

    def end(number: int, _: object) -> None:
        # The first one is enough: another must not interrupt the cleaning.
        for each in caught:
            signal.signal(each, signal.SIG_IGN)
        raise Signalled(number)

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # nohup ignores SIGHUP, and is obeyed.
    caught = [each for each in (getattr(signal, name) for name in names) if signal.getsignal(each) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        caught = []
    for each in caught:
        signal.signal(each, end)
    try:
        yield
    finally:
        for each in caught:
            signal.signal(each, signal.SIG_DFL)


def _reserve_descriptors() -> None:
    """Give closed standard streams to the null device, so that no file that is opened later takes their place."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _discard_output() -> None:
    """Let the interpreter flush what cannot be written to the null device when it ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _verdict(error: BaseException) -> tuple[int, str]:
    """Return the exit code and the one line for an error."""
    code, message = BAD_INPUT, str(error)
    match error:
        case ProofRejected() | NoProofError():
            code = FALSE_STATEMENT
        case OutputError():
            code = UNWRITABLE
        case ZkmarginError():
            pass
        case KeyboardInterrupt() | typer.Abort():
            code, message = INTERRUPTED, "interrupted"
        case Signalled():
            code, message = SIGNALLED + error.number, f"ended by {error}"
        case OSError():
            code = UNWRITABLE if error.errno in _FULL else BAD_INPUT
            message = f"{error.filename or 'operating system'}: {error.strerror or error}"
        case MemoryError():
            message = "not enough memory"
        case _ if _PANIC in str(error):
            message = f"{_PANIC}: memory or processes are short"
        case _ if isinstance(error, _UsageError):
            message = f"{error.format_message().rstrip('.')}; see zkmargin --help"
        case _:
            message = _defect(error)
    return code, message


def _prepare(command: Any) -> None:
    """Let a command, or those of a group, name options in errors of arguments, and leftovers near its files."""
    for each in getattr(command, "commands", {}).values():
        _prepare(each)
    if command.callback is not None:
        command.callback = _prepared(command.callback, {each.name: each for each in command.params})


def _prepared(call: Callable[..., Any], parameters: Mapping[str, Any]) -> Callable[..., Any]:
    def prepared(*args: Any, **kwargs: Any) -> Any:
        _name_leftovers(kwargs.values())
        try:
            return call(*args, **kwargs)
        except ArgumentError as error:
            parameter = parameters.get(error.argument)
            if parameter is None:
                raise
            argument = parameter.param_type_name == "argument"
            named = (parameter.metavar or error.argument) if argument else parameter.opts[0]
            raise FormatError(f"{named}: {error.problem}") from None

    return prepared


def _name_leftovers(values: Any) -> None:
    """Name what interrupted commands left in the folders of this command's files."""
    from zkmargin.prover.staging import leftovers  # noqa: PLC0415 - only for commands with files

    given = [each for value in values for each in (value if isinstance(value, list) else [value])]
    folders = {each if each.is_dir() else each.parent for each in given if isinstance(each, Path)}
    for folder in sorted(folders):
        for left in leftovers(folder):
            note(f"warning: {left}: left behind by an interrupted command; `zkmargin clean {folder}` removes it")


def _completion(name: str, text: str) -> Any:
    # Of the click inside new releases of typer, or of the separate one of old releases.
    kind: Any = getattr(typer.core, "CompletionItem", None)
    if kind is None:
        kind = import_module("click.shell_completion").CompletionItem
    return kind(name, help=text)


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
