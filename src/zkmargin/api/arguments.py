"""Check the arguments of the Python API: a path or the object that it stands for, exact quantities, files to write.

Every error names the argument; the command line puts its option's name in the place (`zkmargin.cli.main`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from numbers import Integral
from pathlib import Path
from typing import Any, Final, TypeVar

from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.statements.margin.market import Market, read_market, read_universe_of_market
from zkmargin.prover.kernels.choice import AnyBackend
from zkmargin.prover.recovery import key_recovery
from zkmargin.prover.setup import Setup
from zkmargin.verifier.errors import ArgumentError, FormatError
from zkmargin.verifier.ethereum import ADDRESS_BYTES, KeyRecovery, parse_address
from zkmargin.verifier.hexadecimal import parse_hex_exactly
from zkmargin.verifier.instants import MAX_SECONDS, parse_seconds
from zkmargin.verifier.statements.attestation import Attestor, parse_attestor, universe_id

PathLike = str | Path
Instant = str | int | datetime
"""ISO-8601 with a time zone, seconds since 1970, or a datetime with a time zone; whole seconds."""
Quantity = str | int | Decimal
"""An exact decimal quantity. Floating-point numbers are refused, as they cannot hold one."""
T = TypeVar("T")
DIGEST_BYTES: Final = 32
_HEAD_BYTES: Final = 1 << 16
_DOCUMENT_BYTES: Final = 1 << 26
_PRECIOUS: Final = (
    (re.compile(rb"\A\s*0[xX][0-9a-fA-F]{64}\s*\Z"), "a signing key"),
    (re.compile(rb"\A\s*-----BEGIN [A-Z0-9 ]*KEY-----"), "a key in PEM"),
    (re.compile(rb'\A\s*\{(?=.*"[cC]rypto"\s*:).*"ciphertext"\s*:', re.DOTALL), "an encrypted keystore"),
    (re.compile(rb"\Aptau"), "a ceremony's file"),
    (re.compile(rb'\A\s*\{.*"format"\s*:\s*"zkmargin/setup".*"ceremony"\s*:\s*\{', re.DOTALL), "a ceremony's setup"),
    (re.compile(rb'\A\s*\{.*"format"\s*:\s*"zkmargin/(?:sealed-)?opening"', re.DOTALL), "an opening"),
    (re.compile(rb'\A\s*\{.*"format"\s*:\s*"zkmargin/broker-openings"', re.DOTALL), "what opens a broker's list"),
    (re.compile(rb'\A\s*\{.*"format"\s*:\s*"zkmargin/deployment"', re.DOTALL), "a deployment record"),
    (re.compile(rb'\A\s*\{.*"format"\s*:\s*"zkmargin/solvency-(?:epoch|batch)', re.DOTALL), "a work folder's file"),
)
_ARRAYS: Final = re.compile(rb'"arrays"\s*:\s*"([^"\\]{1,255})"')
_SQLITE: Final = re.compile(r"\Asqlite(?:\+\w+)?:///(.+?)(?:\?.*)?\Z")

# -- values ------------------------------------------------------------------------------------------------------------


def loaded(given: Any, kind: type[T], read: Callable[[Any], T], argument: str) -> T:
    """Return `given` if it is a `kind`, else what `read` makes of the path. Raises ArgumentError for anything else."""
    if isinstance(given, kind):
        return given
    return read(path_of(given, argument, f"a {kind.__name__}"))


def loaded_signed(given: Any, kind: type[T], read: Callable[[Any, KeyRecovery], T], argument: str) -> T:
    """`loaded` for what is signed: signers are recovered natively where that is possible."""
    return loaded(given, kind, lambda path: read(path, key_recovery()), argument)


def loaded_epoch(market: PathLike | Market, setup: Setup) -> tuple[MarketEpoch, bytes]:
    """Return a market's epoch and its universe's id under the setup, whatever the policy. Raises FormatError."""
    if isinstance(market, Market):
        return market.epoch, universe_id(market.epoch.universe.digest, setup.key)
    return read_universe_of_market(path_of(market, "market", "a Market"), setup)


def loaded_market(market: PathLike | Market, policy: Policy, setup: Setup, backend: AnyBackend) -> Market:
    """Return a market, read with all its checks where it is a path. Raises FormatError."""
    return loaded(market, Market, lambda path: read_market(path, policy, setup, backend), "market")


def path_of(given: Any, argument: str, other: str = "") -> str | Path:
    """Return a path as it was given. Raises ArgumentError for anything else, and for a document's text."""
    expected = f"a path or {other}" if other else "a path"
    if not isinstance(given, str | os.PathLike):
        raise ArgumentError(argument, f"expected {expected}, got {kind_of(given)}")
    if isinstance(given, str) and (given.lstrip()[:1] in ("{", "[") or "\n" in given) and not os.path.exists(given):
        raise ArgumentError(argument, f"expected {expected}, got text; write the text to a file, and give its path")
    return given if isinstance(given, str) else Path(given)


def kind_of(value: object) -> str:
    """Return what kind of thing a value is, for messages, and never the value."""
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"


def seconds_of(instant: Instant, argument: str) -> int:
    """Return seconds since 1970. Raises ArgumentError."""
    if isinstance(instant, bool) or not isinstance(instant, str | int | datetime):
        raise ArgumentError(
            argument, f"expected an ISO-8601 string, a datetime or whole seconds since 1970, got {kind_of(instant)}"
        )
    if isinstance(instant, int):
        if not 0 <= instant <= MAX_SECONDS:
            raise ArgumentError(argument, "expected seconds since 1970, up to the year 9999")
        return instant
    with naming(argument):
        return parse_seconds(instant if isinstance(instant, str) else instant.isoformat(), argument)


def quantity_of(value: object, where: str, argument: str) -> str:
    """Return an exact quantity as text. `where` says whose it is; the message never says how much.

    Raises ArgumentError for floating-point numbers, which are not exact, for booleans, and for anything else.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    if isinstance(value, Integral) and not isinstance(value, bool):
        return str(int(value))
    note = ", which cannot hold a quantity exactly" if isinstance(value, float) else ""
    got = "a Decimal that is no number" if isinstance(value, Decimal) else kind_of(value)
    raise ArgumentError(argument, f"{where}: expected a decimal string, a Decimal or an int, got {got}{note}")


def address_of(given: str | bytes, argument: str) -> bytes:
    """Return an address's 20 bytes. Raises ArgumentError."""
    if isinstance(given, bytes) and len(given) == ADDRESS_BYTES:
        return given
    with naming(argument):
        return parse_address(given, argument)


def attestors_of(given: Collection[str | bytes | Attestor], argument: str = "attestors") -> list[bytes | Attestor]:
    """Return attestors from addresses and `VENUE=0x..`. Raises ArgumentError."""
    if isinstance(given, str | bytes):
        raise ArgumentError(argument, f"expected a list of addresses, got {kind_of(given)}")
    with naming(argument):
        return [each if isinstance(each, bytes | Attestor) else parse_attestor(each, argument) for each in given]


def digest_of(given: str | bytes, argument: str) -> bytes:
    """Return a digest's 32 bytes from 0x and 64 lower-case hexadecimal digits. Raises ArgumentError."""
    if isinstance(given, bytes) and len(given) == DIGEST_BYTES:
        return given
    if not isinstance(given, str):
        raise ArgumentError(argument, f"expected 0x and {2 * DIGEST_BYTES} hexadecimal digits, got {kind_of(given)}")
    with naming(argument):
        return parse_hex_exactly(given, argument, length=DIGEST_BYTES)


@contextmanager
def naming(argument: str) -> Iterator[None]:
    """Turn a FormatError of the block, whose message begins with the argument's name, into an ArgumentError."""
    try:
        yield
    except ArgumentError:
        raise
    except FormatError as error:
        raise ArgumentError(argument, str(error).removeprefix(f"{argument}: ")) from None


# -- files to write ----------------------------------------------------------------------------------------------------


def check_outputs(
    outputs: Mapping[str, PathLike | None],
    *,
    inputs: Mapping[str, object] | None = None,
    arrays: bool = False,
    force: bool = False,
) -> None:
    """Raise ArgumentError unless every output, by argument, can be written and destroys nothing. None is not written.

    An output is never an input, nor its arrays, nor another output, nor a file in a folder that is an input. A key, a
    ceremony's file, an opening and a deployment record are replaced only with `force`.

    inputs: arguments by name; paths and lists of paths count, anything else is not a file. arrays: whether large
    arrays go beside the outputs, under their names with the suffix .npz.
    """
    read = [(name, path) for name, value in (inputs or {}).items() for path in _paths_of(value)]
    taken: list[tuple[str, Path]] = []
    for argument, output in outputs.items():
        if output is None:
            continue
        path = Path(path_of(output, argument))
        _check_place(argument, path)
        written = [path]
        if arrays:
            if path.suffix == ".npz":
                raise ArgumentError(
                    argument, f"{path}: expected a name that does not end in .npz, which its arrays take; use .json"
                )
            written.append(path.with_suffix(".npz"))
        for each in written:
            for other, name in taken:
                if _same(each, name):
                    raise ArgumentError(argument, f"{path}: expected another file than that of the output {other}")
            for other, name in read:
                if _belongs(each, name):
                    raise ArgumentError(
                        argument, f"{path}: expected another file than the input {other}, {name}, which would be lost"
                    )
            if not force and (kind := precious_kind(each)):
                raise ArgumentError(
                    argument,
                    f"{each}: expected a new file, got {kind}, which is not replaced; take another name",
                )
        if arrays and (owner := _other_owner(path)):
            raise ArgumentError(argument, f"{path}: expected another name: its arrays would replace those of {owner}")
        taken += [(argument, each) for each in written]


def check_folder(argument: str, folder: PathLike) -> None:
    """Raise ArgumentError unless `folder` is a folder that can be written to, or can be made in one."""
    path = Path(path_of(folder, argument))
    if path.exists() and not path.is_dir():
        raise ArgumentError(argument, f"{path}: expected a folder, got a file")
    parent = path if path.is_dir() else path.parent
    if not parent.is_dir():
        raise ArgumentError(argument, f"{path}: expected its folder to exist; create {parent} first")
    if not os.access(parent, os.W_OK):
        raise ArgumentError(argument, f"{path}: expected a folder that can be written to")


def precious_kind(path: Path) -> str | None:
    """Return what a file is that only `force` may replace: a key, a ceremony's file, an opening, a deployment record.

    None for any other file and for none. A file that cannot be read counts as one of them.
    """
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except PermissionError:
        return "a file that cannot be read"
    except OSError:
        return None
    return next((kind for pattern, kind in _PRECIOUS if pattern.search(head)), None)


def _paths_of(value: object) -> Iterable[Path]:
    if isinstance(value, Path):
        return [value]
    if isinstance(value, str):
        # A preset's name is no file, unless there is one of that name; of URLs, SQLite's are files.
        found = _SQLITE.match(value)
        return [Path(found[1] if found else value)] if found or "://" not in value else []
    if isinstance(value, list | tuple):
        return [path for each in value for path in _paths_of(each)]
    return []


def _check_place(argument: str, path: Path) -> None:
    if not path.parent.is_dir():
        raise ArgumentError(argument, f"{path}: expected its folder to exist; create {path.parent} first")
    if path.exists() and not path.is_file():
        kind = "folder" if path.is_dir() else "device or a pipe"
        raise ArgumentError(argument, f"{path}: expected a file's name, got a {kind}")
    if not os.access(path.parent, os.W_OK):
        raise ArgumentError(argument, f"{path}: expected a folder that can be written to")


def _same(left: Path, right: Path) -> bool:
    """Whether two paths are one file, also by another name: a link, or letters of another case."""
    try:
        return left.resolve() == right.resolve() or left.samefile(right)
    except (OSError, ValueError):
        return False


def _belongs(output: Path, given: Path) -> bool:
    """Whether an output is the input, its arrays, or inside of it."""
    if _same(output, given):
        return True
    try:
        if given.is_dir():
            return given.resolve() in output.resolve().parents
        if output.suffix != ".npz" or not output.exists():
            return False
        return _same(output, given.with_suffix(".npz")) or _same(output, given.with_name(_arrays_of(given)))
    except (OSError, ValueError):
        return False


def _arrays_of(path: Path) -> str:
    """Return the name of the arrays that a document states, or the document's own."""
    with path.open("rb") as stream:
        found = _ARRAYS.search(stream.read(_DOCUMENT_BYTES))
    return os.fsdecode(found[1]) if found else path.name


def _other_owner(path: Path) -> Path | None:
    """Return the document of another name whose arrays lie where those of `path` would go."""
    beside = path.with_suffix(".npz")
    if not beside.exists():
        return None
    for each in path.parent.iterdir():
        if each.stem == path.stem and each.suffix != ".npz" and each.is_file() and not _same(each, path):
            try:
                if _arrays_of(each) == beside.name:
                    return each
            except OSError:
                continue
    return None
