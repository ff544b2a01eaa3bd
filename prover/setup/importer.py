"""From a ceremony's file to a checked setup."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from zkmargin.prover.kernels.interface import Backend, FieldVector, PointVector
from zkmargin.prover.setup.ceremonies import published_power
from zkmargin.prover.setup.lagrange import lagrange_basis
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.prover.setup.ptau import PtauHeader, read_header, read_points
from zkmargin.prover.setup.srs import PointSource, Setup, check_rows, decode, limbs
from zkmargin.verifier.circuit import setup_powers
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.srs import SetupError, SetupKey

V = TypeVar("V", bound=FieldVector)
P = TypeVar("P", bound=PointVector)


def import_ptau(
    path: str | Path,
    rows: int,
    backend: Backend[V, P],
    *,
    require_ceremony: bool = False,
    report: Report = silent,
) -> Setup:
    """The setup for up to `rows` rows from a `.ptau` file of any size, streamed.

    Every point used is on its curve, and `Setup` finds them to be the powers of one x by a pairing check. With
    `require_ceremony` the whole file must be the known ceremony's, by its BLAKE2b-512. Raises FormatError for a file
    of another form or too small for `rows`, SetupError for a file that is not what it must be, OSError.
    """
    path = Path(path)
    check_rows(rows, "setup import")
    with path.open("rb") as stream:
        header = read_header(stream, str(path))
        _check_large_enough(header, rows, path)
        points = read_points(stream, str(path), header, rows, report)
    if require_ceremony and published_power(points.blake2b) is None:
        raise SetupError(
            f"{path}: expected a published file of the known ceremony, but BLAKE2b-512 {points.blake2b} is none of "
            "theirs; fetch the file again, or leave --require-ceremony away to use another ceremony's"
        )
    report("on the curve", 0, 0)
    powers = decode(backend, points.powers, f"{path}: tauG1")
    report("Lagrange points", 0, 0)
    lagrange = (
        backend.points_to_bytes(lagrange_basis(backend, powers, rows)) if points.lagrange is None else points.lagrange
    )
    report("pairing check", 0, 0)
    source = PointSource(path.name, header.power, header.ceremony_power, points.blake2b)
    return Setup(SetupKey(points.g2_x), limbs(points.powers), limbs(lagrange), source, where=str(path))


def _check_large_enough(header: PtauHeader, rows: int, path: Path) -> None:
    needed = setup_powers(rows)
    if header.powers < needed:
        raise FormatError(
            f"{path}: expected at least {needed} powers in G1 for {rows} rows, got {header.powers} (power "
            f"{header.power}); take a file of power {needed.bit_length() - 1} or more, or a smaller --rows"
        )
