"""Verify any file that can be verified: which function a file's kind calls for, and what that function needs.

A new statement is one entry of `VERIFIABLE`, under the kind that its files state in `format`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Protocol

from zkmargin.api.arguments import PathLike, path_of
from zkmargin.prover.setup import Setup
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.verifier.documents import read_format
from zkmargin.verifier.errors import ArgumentError, FormatError


class Result(Protocol):
    """What verifying a file gives: a verdict, which may be a rejection, and how to print it."""

    @property
    def valid(self) -> bool:
        """Whether the file is valid."""
        ...

    @property
    def reason(self) -> str | None:
        """Why it is rejected; None when it is valid."""
        ...

    def require(self) -> Result:
        """Return this when the file is valid. Raises ProofRejected."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        ...

    def to_table(self) -> dict[str, str]:
        """Return what is printed without `--json`, by name."""
        ...


@dataclass(frozen=True)
class Verifiable:
    """A kind of file: its name in words, `module:function` that verifies one, and the arguments besides the setup."""

    title: str
    function: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    def load(self) -> Callable[..., Result]:
        """Return the function, its module loaded."""
        module, name = self.function.split(":")
        function: Callable[..., Result] = getattr(import_module(module), name)
        return function


TRUST: Final = ("attestors", "trust", "any_attestor", "require_setup")
"""Arguments that say whose signatures and which setup count."""

VERIFIABLE: Final[Mapping[str, Verifiable]] = {
    "proof": Verifiable(
        "a margin proof", "zkmargin.api.verification:verify_margin", ("market", "policy"), (*TRUST, "at")
    ),
    "disclosure": Verifiable(
        "a disclosure",
        "zkmargin.api.disclosure_verification:verify_disclosure",
        ("market",),
        ("policy", *TRUST, "auditor"),
    ),
    "solvency": Verifiable(
        "a solvency statement",
        "zkmargin.api.solvency_verification:verify_solvency_statement",
        (),
        ("terms", "require_setup"),
    ),
    "broker-proof": Verifiable(
        "a broker's proof",
        "zkmargin.api.broker_verification:verify_broker_proof",
        ("books", "market", "policy"),
        (*TRUST, "at"),
    ),
}
"""By the kind in a file's `format`. The kind `revocation` is reserved."""


def kind_of_file(file: PathLike) -> str:
    """Return the kind of a file that can be verified. Raises FormatError for any other, OSError."""
    path = path_of(file, "file")
    kind = read_format(path)
    if kind is not None and kind in VERIFIABLE:
        return kind
    kinds = [verifiable.title for verifiable in VERIFIABLE.values()]
    got = "another document" if kind is None else f"'zkmargin/{kind[:64]}'"
    raise FormatError(f"{path}: field 'format': expected {', '.join(kinds[:-1])} or {kinds[-1]}, got {got}")


def arguments_for(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that verifying a file of this kind takes. None and empty values are not given.

    Raises ArgumentError for one that is missing, and for one that the kind does not take, which would be ignored.
    """
    verifiable = VERIFIABLE[kind]
    present = {name: value for name, value in given.items() if value not in (None, False, (), [])}
    for name in verifiable.required:
        if name not in present:
            raise ArgumentError(name, f"expected it: {verifiable.title} is verified against it")
    for name in present:
        if name not in (*verifiable.required, *verifiable.optional):
            raise ArgumentError(name, f"expected none: {verifiable.title} is not verified against it")
    return present


def verify_file(file: PathLike, setup: PathLike | Setup, *, report: Report = silent, **arguments: Any) -> Result:
    """Verify a file by its kind; raise ProofRejected unless it is valid, FormatError for bad input.

    arguments: those of the function for the kind: `market`, `policy`, `attestors`, `at` for a margin proof; `market`,
    `attestors`, `auditor` for a disclosure; `terms` for a solvency statement.
    """
    return verify_any(file, setup, report=report, **arguments).require()


def verify_any(file: PathLike, setup: PathLike | Setup, *, report: Report = silent, **arguments: Any) -> Result:
    """Verify as `verify_file` does and return the result, also a rejection. Raises FormatError for bad input only."""
    kind = kind_of_file(file)
    chosen = arguments_for(kind, arguments)
    positional = [chosen.pop(name) for name in VERIFIABLE[kind].required]
    return VERIFIABLE[kind].load()(file, *positional, setup, **chosen, report=report)
