"""Whether a setup from somebody else is one, and what vouches for its secret."""

from __future__ import annotations

from zkmargin.prover.kernels.choice import verifying_engine
from zkmargin.prover.setup.ceremonies import looks_like_ceremony, published_power
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.prover.setup.srs import Setup
from zkmargin.verifier.srs import check_points


def verify_setup(setup: Setup, report: Report = silent, *, where: str = "setup") -> None:
    """Check the points of a setup again, whatever was found out about them before.

    Raises FormatError for a point off the curve, SetupError, naming `where`, for one that is not what it must be.
    """
    report("pairing check", 0, 0)
    check_points(setup.key, setup.powers.tobytes(), setup.lagrange_points.tobytes(), verifying_engine(), where=where)


def provenance(setup: Setup) -> str:
    """Return one sentence on where a setup comes from: what is computed from it, and what its file merely states."""
    source, ceremony = setup.source, setup.ceremony
    if source is None and ceremony is None:
        return "UNSAFE development setup: one machine chose x; whoever knows it forges proofs. Never use it for value."
    if source is None:
        return f"{ceremony}, by its [x]_2; the file calls it a development setup, which it is not."
    published = published_power(source.blake2b)
    digest = "no published one" if published is None else f"the one published for power {published}"
    stated = f"stated to come from {source.file!r}, with a BLAKE2b-512 that is {digest}"
    if ceremony is not None:
        return f"{ceremony}, by its [x]_2; {stated}."
    if published is not None or looks_like_ceremony(source.file, source.ceremony_power):
        return f"UNSAFE: NOT the known ceremony's, for its [x]_2 is another; {stated}. Whoever made it may know x."
    return f"UNSAFE: of no known ceremony, {stated}: as trustworthy as those who are said to have taken part in it."
