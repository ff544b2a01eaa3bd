"""Run the demo: the shipped sample from prices to a verdict, every file left in a folder to look at.

One account holds books at three venues that hedge each other. Each venue alone would call it under-margined; netted it
is adequate, and it proves that without showing a position to anybody but its venues, each of which knows its own.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from zkmargin.api import margin as api
from zkmargin.api.arguments import precious_kind
from zkmargin.api.key_files import new_signing_key, write_signing_key
from zkmargin.api.trusting import write_trust
from zkmargin.api.verification import Verdict, verify
from zkmargin.circuits.markets.instruments import InstrumentSet, read_instruments
from zkmargin.circuits.markets.positions import Positions
from zkmargin.circuits.markets.units import format_instant
from zkmargin.circuits.markets.universe import UniverseError
from zkmargin.circuits.policies.evaluate import MarginResult, evaluate_margin
from zkmargin.circuits.policies.policy import Policy, load_policy
from zkmargin.circuits.statements.attestation import Opening
from zkmargin.circuits.statements.margin.files import write_margin_proof
from zkmargin.circuits.statements.margin.market import Market, build_epoch, write_market
from zkmargin.circuits.statements.margin.prover import MarginProver
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.prove import Options
from zkmargin.prover.setup import development_setup, save_setup
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.prover.signing import address_of_key
from zkmargin.prover.writing import replacing, write_document
from zkmargin.verifier.documents import Fields, read_object
from zkmargin.verifier.errors import ArgumentError
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.statements.attestation import Attestation, Attestor
from zkmargin.verifier.statements.margin import MarginProof
from zkmargin.verifier.statements.trust import RequiredSetup, Trust
from zkmargin.verifier.text import decode_text, read_bounded

MAX_ROWS: Final = 1 << 13
MAX_BOOK_BYTES: Final = 1 << 20
ALWAYS_LISTED: Final = ("cash", "spot", "perpetual")
"""Kinds that stay when the slow back end gets a smaller market."""
VERIFIED_AFTER: Final = timedelta(hours=1)
MARK: Final = "demo.txt"
"""A file that says that a folder is a demo's, whose keys and openings are for show."""


@dataclass(frozen=True)
class Sample:
    """The shipped sample: prices, the policy's name, and a positions file a venue."""

    data: InstrumentSet
    policy: str
    books: Mapping[str, str]


@dataclass(frozen=True)
class Demonstration:
    """What happened, for printing. Times in seconds."""

    folder: Path
    backend: str
    market: Market
    account: str
    venues: Mapping[str, MarginResult]
    netted: MarginResult
    proof: MarginProof
    verdict: Verdict
    smaller: bool
    prepare_seconds: float
    prove_seconds: float
    verify_seconds: float

    @property
    def files(self) -> dict[str, str]:
        """Return what lies in the folder, in the order of its making."""
        beside = "and, beside it, its"
        per_venue = ", ".join(self.venues)
        return {
            "setup.json": f"development setup, UNSAFE, {beside} points",
            "instruments.json": "public prices",
            "policy.json": "the rules",
            "market.json": f"epoch: universe, commitments, {beside} risk arrays",
            "VENUE.csv": f"positions at {per_venue}: secret",
            "VENUE.key": "the venue's signing key: secret",
            "VENUE.attestation.json": "signed commitment: public",
            "VENUE.opening.json": "its opening: secret",
            "proof.json": "the proof: public",
            MARK: "says that this folder is a demo's",
            "trust.json": "whom the auditor trusts: the setup, and each venue's key",
        }

    @property
    def commands(self) -> list[str]:
        """Return the commands that repeat the last steps by hand."""
        common = "--market market.json --policy policy.json"
        books = " ".join(f"--positions {venue}.csv" for venue in self.venues)
        return [
            f"cd {shlex.quote(str(self.folder))}",
            f"zkmargin evaluate {common} {books}",
            f"zkmargin verify proof.json {common} --setup setup.json --trust trust.json",
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the object that `demo --json` prints."""
        return {
            "folder": str(self.folder),
            "backend": self.backend,
            "account": self.account,
            "policy": self.market.policy.name,
            "as_of": format_instant(self.market.epoch.as_of),
            "instruments": len(self.market.epoch.data.instruments),
            "rows": self.market.epoch.universe.rows,
            "scenarios": len(self.netted.scenarios),
            "venues": {venue: result.to_json() for venue, result in self.venues.items()},
            "netted": self.netted.to_json(),
            "proof_bytes": len(self.proof.proof),
            "prepare_ms": _milliseconds(self.prepare_seconds),
            "prove_ms": _milliseconds(self.prove_seconds),
            "verify_ms": _milliseconds(self.verify_seconds),
            "verdict": self.verdict.to_json(),
            "commands": self.commands,
        }


def read_sample(folder: Traversable | None = None) -> Sample:
    """Read the sample in `folder`, by default the shipped one. Raises FormatError, OSError."""
    source = resources.files("zkmargin") / "sample" if folder is None else folder
    with resources.as_file(source) as path:
        where = path / "sample.json"
        fields = Fields(where, read_object(where))
        venues = fields.record("venues")
        books = {}
        for venue in venues.names:
            book = path / venues.text(venue)
            books[venue] = decode_text(read_bounded(book, MAX_BOOK_BYTES), book)
        instruments, policy = fields.text("instruments"), fields.text("policy")
        fields.finish()
        return Sample(read_instruments(path / instruments), policy, books)


def run_demo(folder: str | Path, report: Report = silent) -> Demonstration:
    """Run the demo into `folder`, which is made when it is missing; files of an earlier demo are replaced.

    On the reference back end the market holds only what the books need: the steps are the same, and take a minute.

    Raises ArgumentError, before anything is written, when a key, an opening or a ceremony's setup that is not an
    earlier demo's would be replaced.
    """
    folder, backend = Path(folder), load_backend()
    folder.mkdir(exist_ok=True)
    report("reading the sample", 0, 0)
    sample = read_sample()
    _take_folder(folder, sample)
    policy = load_policy(sample.policy)
    smaller = backend.name == "reference"
    data = _needed(sample) if smaller else sample.data
    for venue, text in sample.books.items():
        with replacing(folder / f"{venue}.csv", secret=True) as stream:
            stream.write(text.encode())
    write_document(folder / "instruments.json", "instruments", _body(data.to_json()))
    write_document(folder / "policy.json", "policy", _body(policy.to_json()))

    setup = development_setup(_rows(data, policy), backend, report)
    save_setup(setup, folder / "setup.json")
    report("pricing and committing", 0, 0)
    market = api.build_market(data, policy, setup)
    write_market(folder / "market.json", market)

    books = {venue: api.read_books(market.epoch, folder / f"{venue}.csv")[0] for venue in sample.books}
    venues = {venue: _margin(policy, market, [book]) for venue, book in books.items()}
    netted = _margin(policy, market, list(books.values()))

    account = format_address(address_of_key(new_signing_key()))
    attested: list[tuple[Attestation, Opening]] = []
    for venue, book in books.items():
        report(f"{venue} attests", 0, 0)
        write_signing_key(folder / f"{venue}.key", replace=True)
        attested.append(
            api.attest(
                market,
                book,
                account=account,
                venue=venue,
                key=folder / f"{venue}.key",
                setup=setup,
                out=folder / f"{venue}.attestation.json",
                secret=folder / f"{venue}.opening.json",
                force=True,
            )
        )

    report("preparing the prover", 0, 0)
    started = time.perf_counter()
    prover = MarginProver(policy, market, setup, backend)
    prover.prepare()
    prepared = time.perf_counter()
    options = Options(progress=lambda name, fraction: report(f"proving: {name}", round(100 * fraction), 100))
    proof = prover.prove([a for a, _ in attested], [o for _, o in attested], options=options)
    proven = time.perf_counter()
    write_margin_proof(folder / "proof.json", proof)

    report("verifying", 0, 0)
    at = market.epoch.as_of.replace(microsecond=0) + VERIFIED_AFTER
    keys = tuple(Attestor(attestation.attestor, attestation.claimed.venue) for attestation, _ in attested)
    trust = Trust(RequiredSetup(setup.digest), keys, at=int(at.timestamp()))
    write_trust(folder / "trust.json", trust)
    begun = time.perf_counter()
    verdict = verify(folder / "proof.json", market, policy, setup, trust=trust)
    return Demonstration(
        folder=folder,
        backend=backend.name,
        market=market,
        account=account,
        venues=venues,
        netted=netted,
        proof=proof,
        verdict=verdict,
        smaller=smaller,
        prepare_seconds=prepared - started,
        prove_seconds=proven - prepared,
        verify_seconds=time.perf_counter() - begun,
    )


def _take_folder(folder: Path, sample: Sample) -> None:
    """Mark the folder as a demo's. Raises ArgumentError when it is not, and files of a demo's names are precious."""
    mark = folder / MARK
    if mark.exists():
        return
    names = ("setup.json", "instruments.json", "policy.json", "market.json", "proof.json")
    suffixes = ("csv", "key", "attestation.json", "opening.json")
    for name in (*names, *(f"{venue}.{suffix}" for venue in sample.books for suffix in suffixes)):
        if kind := precious_kind(folder / name):
            raise ArgumentError(
                "out",
                f"{folder / name}: expected an earlier demo's folder or a new one, got {kind}",
            )
    with replacing(mark) as stream:
        stream.write(b"Made by `zkmargin demo`, which replaces the files in this folder when it runs again.\n")


def _margin(policy: Policy, market: Market, books: Sequence[Positions]) -> MarginResult:
    return evaluate_margin(policy, market.epoch, books, columns=market.columns)


def _rows(data: InstrumentSet, policy: Policy) -> int:
    return build_epoch(data, policy, most_rows=MAX_ROWS).universe.rows


def _needed(sample: Sample) -> InstrumentSet:
    """The sample's prices without the instruments that nobody holds."""
    held = {line.split(",")[0] for text in sample.books.values() for line in text.splitlines()}
    kept = tuple(i for i in sample.data.instruments if i.id in held or i.kind in ALWAYS_LISTED)
    if not held - {"instrument"} <= {instrument.id for instrument in kept}:
        raise UniverseError("sample: expected a price for every instrument of its books")
    return InstrumentSet(as_of=sample.data.as_of, instruments=kept)


def _body(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in ("format", "version")}


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 1)
