"""Build markets, attest and prove in the Python API: what the command line does, in the same words.

Every argument that is a file on the command line may here be a path or the object that the file holds. Functions that
make something return it, and write it too when told where. Errors are `ZkmarginError`s: `FormatError` and its kin for
bad input, `InadequateError` for an under-margined account, `ProofRejected` for a proof that does not hold. A service
that proves or verifies many times keeps a `MarginProver`, or the objects that the paths stand for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zkmargin.api.arguments import (
    Instant,
    PathLike,
    Quantity,
    address_of,
    check_outputs,
    kind_of,
    loaded,
    loaded_epoch,
    loaded_market,
    loaded_signed,
    path_of,
    quantity_of,
    seconds_of,
)
from zkmargin.api.key_files import read_signing_key
from zkmargin.circuits.markets.entries import read_positions
from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.instruments import InstrumentSet, read_instruments
from zkmargin.circuits.markets.positions import Positions, positions_from_quantities, refuse_expired
from zkmargin.circuits.markets.universe import Universe
from zkmargin.circuits.policies.evaluate import MarginResult, evaluate_margin
from zkmargin.circuits.policies.policy import Policy, load_policy
from zkmargin.circuits.statements import attestation as attesting
from zkmargin.circuits.statements.attestation import (
    Opening,
    read_opening,
    read_recipient,
    write_attestation,
    write_opening,
)
from zkmargin.circuits.statements.margin import market as markets
from zkmargin.circuits.statements.margin.files import write_margin_proof
from zkmargin.circuits.statements.margin.market import Market, write_market
from zkmargin.circuits.statements.margin.prover import InadequateError, MarginProver
from zkmargin.connectors.deribit import import_deribit
from zkmargin.prover import setup as setups
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.kernels.choice import set_threads
from zkmargin.prover.phases import Phases
from zkmargin.prover.prove import Options
from zkmargin.prover.setup import Setup, load_setup, save_setup
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.verifier.errors import ArgumentError, FormatError, ProofRejected, ZkmarginError
from zkmargin.verifier.statements.attestation import Attestation, read_attestation
from zkmargin.verifier.statements.deployment import read_deployment
from zkmargin.verifier.statements.margin import OFF_CHAIN, Deployment, MarginProof

if TYPE_CHECKING:
    from Crypto.PublicKey.ECC import EccKey

__all__ = [
    "FormatError",
    "InadequateError",
    "MarginProver",
    "ProofRejected",
    "ZkmarginError",
    "attest",
    "build_market",
    "development_setup",
    "evaluate",
    "import_deribit",
    "load_market",
    "load_policy",
    "load_setup",
    "margin_prover",
    "prove_margin",
    "set_threads",
]

Book = PathLike | Positions | Mapping[str, Quantity]
"""A positions file, positions, or decimal quantities by instrument."""
_MILLISECONDS = 1000


def development_setup(rows: int, *, out: PathLike | None = None, report: Report = silent) -> Setup:
    """Make an UNSAFE setup for up to `rows` rows, a power of two: anyone who reads this machine's memory forges proofs.

    out: where to write S; its points go beside it.
    """
    check_outputs({"out": out}, arrays=True)
    setup = setups.development_setup(rows, load_backend(), report)
    if out is not None:
        save_setup(setup, out)
    return setup


# -- markets -----------------------------------------------------------------------------------------------------------


def build_market(
    instruments: PathLike | InstrumentSet,
    policy: PathLike | Policy,
    setup: PathLike | Setup,
    *,
    universe: PathLike | Universe | Market | None = None,
    out: PathLike | None = None,
    report: Report = silent,
) -> Market:
    """Build the market of one epoch: risk arrays of every instrument under `policy`, and commitments to them.

    universe: an earlier epoch's market file or universe, whose rows are kept; without it a new universe is laid out.
    out: where to write M; its columns go beside it.

    Raises FormatError, UniverseError or RangeError naming the instrument, SetupError when the setup is too small.
    """
    given = {"instruments": instruments, "policy": policy, "setup": setup, "universe": universe}
    check_outputs({"out": out}, inputs=given, arrays=True)
    report("reading", 0, 0)
    data = loaded(instruments, InstrumentSet, read_instruments, "instruments")
    rules = loaded(policy, Policy, load_policy, "policy")
    previous = universe.epoch.universe if isinstance(universe, Market) else universe
    if previous is not None:
        previous = loaded(previous, Universe, markets.read_universe_of, "universe")
    source = loaded(setup, Setup, load_setup, "setup")
    report("pricing and committing", 0, 0)
    market = markets.build_market(data, rules, source, load_backend(), previous=previous)
    if out is not None:
        write_market(out, market)
    return market


def load_market(
    market: PathLike, policy: PathLike | Policy, setup: PathLike | Setup, *, report: Report = silent
) -> Market:
    """Read a market file with all its checks: its columns are recomputed from its prices, its commitments compared.

    Raises FormatError naming the file and the field.
    """
    report("reading", 0, 0)
    rules = loaded(policy, Policy, load_policy, "policy")
    return loaded_market(market, rules, loaded(setup, Setup, load_setup, "setup"), load_backend())


# -- books -------------------------------------------------------------------------------------------------------------


def attest(
    market: PathLike | Market,
    positions: Book,
    *,
    account: str | bytes,
    venue: str,
    key: PathLike | bytes,
    setup: PathLike | Setup,
    snapshot_time: Instant | None = None,
    sequence: int | None = None,
    recipient: PathLike | EccKey | None = None,
    out: PathLike | None = None,
    secret: PathLike | None = None,
    force: bool = False,
    report: Report = silent,
) -> tuple[Attestation, Opening]:
    """Commit to an account's positions at a venue and sign: the attestation, and its opening for the account's owner.

    Of `market` only the universe matters, so an attestation outlives the epoch. key: a key file or its 32 bytes.
    snapshot_time: when the positions were held, by default the market's `as_of` in whole seconds. sequence: of two
    attestations the higher supersedes; by default the snapshot time in milliseconds since 1970, so that later snapshots
    supersede and a correction may add one. recipient: the owner's X25519 public key, to which the written opening is
    sealed. out, secret: where to write the attestation and the opening; force: also over an earlier opening.

    Raises PositionsError or RangeError naming file, line and field, also for an instrument that had expired at the
    snapshot; KeyFileError; FormatError.
    """
    given = {"market": market, "positions": positions, "key": key, "setup": setup, "recipient": recipient}
    check_outputs({"out": out, "secret": secret}, inputs=given, force=force)
    report("reading", 0, 0)
    holder = address_of(account, "account")
    signer = key if isinstance(key, bytes) else read_signing_key(path_of(key, "key", "its 32 bytes"))
    sealed_to = recipient
    if isinstance(sealed_to, str | Path):
        sealed_to = read_recipient(sealed_to, private=False)
    source = loaded(setup, Setup, load_setup, "setup")
    named = loaded_epoch(market, source)
    epoch, identity = named.epoch, named.universe
    held_at = int(epoch.as_of.timestamp()) if snapshot_time is None else seconds_of(snapshot_time, "snapshot_time")
    book = _book(positions, epoch.universe)
    refuse_expired(epoch.universe, book, datetime.fromtimestamp(held_at, UTC), _where(positions))
    report("committing", 0, 0)
    attestation, opening = attesting.attest(
        book,
        universe=identity,
        account=holder,
        venue=venue,
        private_key=signer,
        snapshot_time=held_at,
        sequence=_MILLISECONDS * held_at if sequence is None else sequence,
        setup=source,
        backend=load_backend(),
    )
    if secret is not None:
        write_opening(secret, opening, recipient=sealed_to, replace=force)
    if out is not None:
        write_attestation(out, attestation)
    return attestation, opening


def evaluate(market: PathLike | Market, positions: Book | Sequence[Book], policy: PathLike | Policy) -> MarginResult:
    """Compute the margin of one or several venues' positions, netted, in clear: for the owner.

    Raises PositionsError or RangeError naming file, line and field, also for an instrument that has expired.
    """
    rules = loaded(policy, Policy, load_policy, "policy")
    if isinstance(market, Market) and market.policy.digest == rules.digest:
        epoch, columns = market.epoch, market.columns
    elif isinstance(market, Market):
        epoch, columns = market.epoch, rules.public_columns(market.epoch)
    else:
        epoch, columns = markets.read_epoch(path_of(market, "market", "a Market"), rules)
    return evaluate_margin(rules, epoch, read_books(epoch, positions), columns=columns)


def read_books(epoch: MarketEpoch, positions: Book | Sequence[Book]) -> list[Positions]:
    """Read books over an epoch's universe. Raises PositionsError, also for an instrument that has expired."""
    given: Sequence[Book] = positions if isinstance(positions, list | tuple) else [positions]  # type: ignore[list-item]
    books = [_book(book, epoch.universe) for book in given]
    for book, source in zip(books, given, strict=True):
        refuse_expired(epoch.universe, book, epoch.as_of, _where(source))
    return books


# -- proofs ------------------------------------------------------------------------------------------------------------


def margin_prover(
    market: PathLike | Market, policy: PathLike | Policy, setup: PathLike | Setup, *, report: Report = silent
) -> MarginProver[Any, Any]:
    """Make a prover to keep: it holds bases, keys and the market's columns between proofs."""
    report("reading", 0, 0)
    rules = loaded(policy, Policy, load_policy, "policy")
    source = loaded(setup, Setup, load_setup, "setup")
    backend = load_backend()
    return MarginProver(rules, loaded_market(market, rules, source, backend), source, backend)


def prove_margin(
    market: PathLike | Market,
    policy: PathLike | Policy,
    attestations: Sequence[PathLike | Attestation],
    secrets: Sequence[PathLike | Opening],
    setup: PathLike | Setup,
    *,
    deployment: PathLike | Deployment = OFF_CHAIN,
    identity: PathLike | EccKey | None = None,
    out: PathLike | None = None,
    report: Report = silent,
    phases: Phases | None = None,
) -> MarginProof:
    """Prove that what the venues attest to, netted, is adequate under `policy` in this market.

    secrets[i] is the opening that came with attestations[i]; identity is the X25519 private key of sealed ones.
    deployment binds the proof to a gate on a chain; without it the proof is for off-chain verification. phases, when
    given, learns where the proof's time goes.

    Raises InadequateError when the account is under-margined, StatementError or OpeningError when the inputs do not go
    together, PositionsError when an instrument that has expired is held.
    """
    given = {"market": market, "policy": policy, "setup": setup, "deployment": deployment, "identity": identity}
    check_outputs({"out": out}, inputs={**given, "attestations": attestations, "secrets": secrets})
    gate = loaded(deployment, Deployment, read_deployment, "deployment")
    attested, openings = read_pairs(attestations, secrets, identity)
    prover = margin_prover(market, policy, setup, report=report)

    if phases is not None:
        prover = replace(prover, backend=phases.watch(prover.backend))

    def tell(name: str, fraction: float) -> None:
        report(f"proving: {name}", round(100 * fraction), 100)
        if phases is not None:
            phases.report(name, fraction)

    report("preparing", 0, 0)
    prover.prepare()
    proof = prover.prove(attested, openings, deployment=gate, options=Options(progress=tell))
    if out is not None:
        write_margin_proof(out, proof)
    return proof


def read_pairs(
    attestations: Sequence[PathLike | Attestation],
    secrets: Sequence[PathLike | Opening],
    identity: PathLike | EccKey | None,
) -> tuple[list[Attestation], list[Opening]]:
    """Read attestations and their openings. Raises ArgumentError unless there is one secret for each attestation."""
    for name, several in (("attestations", attestations), ("secrets", secrets)):
        if not isinstance(several, list | tuple):
            raise ArgumentError(name, f"expected a list, one entry for each venue, got {kind_of(several)}")
    if len(attestations) != len(secrets):
        raise ArgumentError(
            "secrets",
            f"expected one opening for each attestation, in the same order, got {len(secrets)} for {len(attestations)}",
        )
    private = private_key(identity)
    return (
        [loaded_signed(each, Attestation, read_attestation, "attestations") for each in attestations],
        [loaded(each, Opening, lambda path: read_opening(path, identity=private), "secrets") for each in secrets],
    )


def private_key(identity: PathLike | EccKey | None) -> EccKey | None:
    """Return the X25519 private key of an identity file. Raises FormatError."""
    return read_recipient(identity, private=True) if isinstance(identity, str | Path) else identity


# -- paths or objects --------------------------------------------------------------------------------------------------


def _book(book: Book, universe: Universe) -> Positions:
    if isinstance(book, Positions):
        return book
    if isinstance(book, Mapping):
        if not all(isinstance(name, str) for name in book):
            raise ArgumentError("positions", "expected instrument ids as strings")
        exact = {name: quantity_of(quantity, name, "positions") for name, quantity in book.items()}
        return positions_from_quantities(universe, exact)
    return read_positions(path_of(book, "positions", "quantities by instrument"), universe)


def _where(book: object) -> str:
    return str(book) if isinstance(book, str | Path) else "positions"
