"""Whether a setup from somebody else is one, and what vouches for its secret."""

from __future__ import annotations

from typing import TypeVar

from zkmargin.prover.kernels.interface import Backend, FieldVector, PointVector
from zkmargin.prover.setup.ceremonies import looks_like_ceremony, published_power
from zkmargin.prover.setup.checks import lagrange_fault, powers_fault
from zkmargin.prover.setup.errors import SetupError
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.prover.setup.srs import Setup

V = TypeVar("V", bound=FieldVector)
P = TypeVar("P", bound=PointVector)


def verify_setup(setup: Setup, backend: Backend[V, P], report: Report = silent, *, where: str = "setup") -> None:
    """Check that the points are the powers of the x of [x]_2, and the Lagrange and blinding points theirs.

    Raises FormatError for a point off the curve, SetupError, naming `where`, for one that is not what it must be.
    """
    report("on the curve", 0, 0)
    powers = setup.monomial(backend)
    basis = setup.lagrange(backend, setup.rows)
    report("pairing check", 0, 0)
    if fault := powers_fault(backend, powers, setup.g2_x, setup.rows):
        raise SetupError(f"{where}: {fault}")
    report("Lagrange points", 0, 0)
    if fault := lagrange_fault(backend, powers, basis, setup.rows):
        raise SetupError(f"{where}: {fault}")


def provenance(setup: Setup) -> str:
    """One sentence on where a setup comes from and what vouches for it."""
    source, ceremony = setup.source, setup.ceremony
    if source is None:
        return "UNSAFE development setup: one machine chose x; whoever knows it forges proofs. Never use it for value."
    name = repr(source.file)
    published = published_power(source.blake2b)
    if ceremony is not None and published is not None:
        return f"{ceremony}, by its [x]_2; from {name}, whose BLAKE2b-512 is the one published for power {published}."
    if ceremony is not None:
        return (
            f"{ceremony}, by its [x]_2; but it comes from {name}, whose BLAKE2b-512 is no published one: a shortened, "
            "unprepared or partly damaged copy."
        )
    if looks_like_ceremony(source.file, source.ceremony_power):
        return (
            f"NOT the known ceremony's: {name} looks like a file of it, but its BLAKE2b-512 is no published one and "
            "its [x]_2 is another. Whoever made it may know x."
        )
    return f"imported from {name}, of no known ceremony: as trustworthy as those who took part in it."
