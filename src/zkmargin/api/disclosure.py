"""Disclose in the Python API: one number about an account's holdings, to one auditor, for one purpose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zkmargin.api.arguments import PathLike, check_outputs, loaded, loaded_epoch
from zkmargin.api.margin import read_pairs
from zkmargin.circuits.statements.attestation import Opening
from zkmargin.circuits.statements.disclosure import prover as disclosing
from zkmargin.circuits.statements.disclosure.circuit import Exposure
from zkmargin.circuits.statements.disclosure.files import write_disclosure
from zkmargin.circuits.statements.margin.market import Market
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.prove import Options
from zkmargin.prover.setup import Setup, load_setup
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.verifier.statements.attestation import Attestation
from zkmargin.verifier.statements.disclosure import Disclosure

if TYPE_CHECKING:
    from Crypto.PublicKey.ECC import EccKey

__all__ = ["disclose"]


def disclose(
    market: PathLike | Market,
    exposure: str,
    attestations: Sequence[PathLike | Attestation],
    secrets: Sequence[PathLike | Opening],
    setup: PathLike | Setup,
    *,
    auditor: str,
    purpose: str,
    identity: PathLike | EccKey | None = None,
    out: PathLike | None = None,
    report: Report = silent,
) -> Disclosure:
    """Open one number about what the attestations hold together, and nothing else; of one alone it is that venue's.

    exposure: `quantity:INSTRUMENT`, `delta:UNDERLYING`, `value` or `gross-notional`, at the market's prices. auditor
    and purpose, free text or an address, are bound into the proof. Other arguments are as for `prove_margin`.

    Raises DisclosureError, StatementError or OpeningError when the inputs do not go together.
    """
    given = {"market": market, "setup": setup, "identity": identity, "attestations": attestations, "secrets": secrets}
    check_outputs({"out": out}, inputs=given, arrays=True)
    what = Exposure.parse(exposure)
    report("reading", 0, 0)
    attested, openings = read_pairs(attestations, secrets, identity)
    source = loaded(setup, Setup, load_setup, "setup")
    named = loaded_epoch(market, source)
    disclosure = disclosing.disclose(
        what,
        attested,
        openings,
        epoch=named.epoch,
        universe=named.universe,
        epoch_id=named.id,
        auditor=auditor,
        purpose=purpose,
        setup=source,
        backend=load_backend(),
        options=Options(progress=lambda name, fraction: report(f"proving: {name}", round(100 * fraction), 100)),
    )
    if out is not None:
        write_disclosure(out, disclosure)
    return disclosure
