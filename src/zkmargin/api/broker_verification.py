"""Verify a broker's proof and owners' inclusion files in the Python API: nothing here loads what proves."""

from __future__ import annotations

from dataclasses import dataclass
from time import time
from typing import Any, Final

import numpy as np

from zkmargin.api.arguments import (
    Instant,
    PathLike,
    address_of,
    digest_of,
    loaded,
    loaded_market,
    loaded_signed,
    seconds_of,
)
from zkmargin.api.trusting import Attestors, required_setup, setup_line, trusted
from zkmargin.circuits.markets.units import QUANTITY_BITS
from zkmargin.circuits.policies.policy import Policy, load_policy
from zkmargin.circuits.statements.book.verification import book_verifying_key
from zkmargin.circuits.statements.broker.verification import broker_verifying_key, vanishing_point
from zkmargin.circuits.statements.margin.market import Market
from zkmargin.prover.kernels import load_backend, verifying_engine
from zkmargin.prover.setup import Setup, load_setup
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.verifier.curve import PythonEngine
from zkmargin.verifier.errors import ArgumentError, ProofRejected
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.statements.book import BookList, verify_books
from zkmargin.verifier.statements.broker.backing import NO_BACKING, backing_digest, verify_backing
from zkmargin.verifier.statements.broker.files import read_books, read_broker_proof
from zkmargin.verifier.statements.broker.inclusion import BrokerInclusion, read_broker_inclusion
from zkmargin.verifier.statements.broker.statement import BrokerProof, BrokerStatement
from zkmargin.verifier.statements.broker.verify import verify_broker
from zkmargin.verifier.statements.solvency.accounts import as_identifier
from zkmargin.verifier.statements.trust import Trust, check_attestors, is_unsafe

__all__ = ["BROKER_UNSAID", "BrokerResult", "check_broker_inclusion", "verify_broker_proof"]

BROKER_UNSAID: Final = "that every account is in the list (owners check that), or that the broker can pay what it owes"
"""What a valid proof does not say, for every verdict."""


@dataclass(frozen=True, repr=False)
class BrokerResult:
    """What a broker's proof was found to say. `reason` is None when it is valid."""

    proof: BrokerProof
    policy: str
    valid_until: int
    reason: str | None
    setup_digest: str
    ceremony: str | None
    unsafe_setup: bool
    authenticated: bool
    """Whether keys that were given beforehand signed the position behind the books."""

    @property
    def statement(self) -> BrokerStatement:
        """What the proof states."""
        return self.proof.statement

    @property
    def behind(self) -> str:
        """The position behind the books, in words."""
        if self.proof.backing is None:
            return "nothing: nobody signed these books"
        attested = ", ".join(each.claimed.venue for each in self.proof.backing.attestations)
        said = f"the position of account {self.account} at {attested}"
        return said if self.authenticated else f"{said}, UNAUTHENTICATED: anybody may have signed"

    @property
    def account(self) -> str | None:
        """Whose position stands behind the books; whether it is the broker's own is for the reader to know."""
        backing = self.proof.backing
        return None if backing is None else format_address(backing.attestations[0].claimed.account)

    @property
    def valid(self) -> bool:
        """Whether the proof is valid."""
        return self.reason is None

    def require(self) -> BrokerResult:
        """Return this when the proof is valid. Raises ProofRejected."""
        if self.reason is not None:
            raise ProofRejected(self.reason)
        return self

    def __repr__(self) -> str:
        said = "valid" if self.valid else f"rejected: {self.reason}"
        return f"BrokerResult({self.statement.broker}, {said})"

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        backing = self.proof.backing
        return {
            "valid": self.valid,
            "reason": self.reason,
            **{**self.statement.to_json(), "policy": self.policy},
            "valid_until": format_seconds(self.valid_until),
            "authenticated": self.authenticated,
            "account": self.account,
            "backed_by": [] if backing is None else [each.claimed.venue for each in backing.attestations],
            "setup_digest": self.setup_digest,
            "ceremony": self.ceremony,
            "unsafe_setup": self.unsafe_setup,
            "not_said": BROKER_UNSAID,
        }

    def to_table(self) -> dict[str, str]:
        """Return what is printed without `--json`, by name."""
        stated = self.statement
        return {
            "verdict": "valid" if self.valid else f"REJECTED: {self.reason}",
            "broker": stated.broker,
            "accounts": f"{stated.accounts}, each of which meets policy {self.policy}" if self.valid else "unknown",
            "epoch": f"{format_seconds(stated.epoch_time)}, 0x{stated.epoch.hex()}",
            "books": f"of {format_seconds(stated.books_time)}, root 0x{stated.root.hex()}",
            "behind them": self.behind,
            "valid until": format_seconds(self.valid_until),
            "setup": setup_line(self.setup_digest, self.ceremony, unsafe=self.unsafe_setup),
            "not said": BROKER_UNSAID,
        }


def verify_broker_proof(
    proof: PathLike | BrokerProof,
    books: PathLike | BookList,
    market: PathLike | Market,
    policy: PathLike | Policy,
    setup: PathLike | Setup,
    *,
    attestors: Attestors = (),
    trust: PathLike | Trust | None = None,
    any_attestor: bool = False,
    account: str | bytes | None = None,
    require_setup: str | None = None,
    at: Instant | None = None,
    report: Report = silent,
) -> BrokerResult:
    """Verify that every account of a list meets its requirement, and return the result, also a rejection.

    books: the list that `zkmargin broker commit` wrote; every pair's proof is verified. Nothing is believed but what
    `zkmargin verify` believes of a market and a setup, and that the list is complete. at: when, by default now.

    attestors, trust, any_attestor: as for a margin proof, for the position behind the books. Given them, a proof that
    names no position is rejected; without them one that names a position has no verdict. account: the broker's own at
    its venues; a position of another is rejected. Without it the result says whose it is, and no more.

    Raises FormatError for bad input, ArgumentError for another setup than the required one.
    """
    report("reading", 0, 0)
    given = loaded_signed(proof, BrokerProof, read_broker_proof, "proof")
    listed = loaded(books, BookList, read_books, "books")
    rules = loaded(policy, Policy, load_policy, "policy")
    parameters = loaded(setup, Setup, load_setup, "setup")
    own = None if account is None else address_of(account, "account")
    asked = bool(attestors or trust is not None or any_attestor)
    who = None
    if asked or given.backing is not None:
        who = trusted(
            parameters, attestors=attestors, trust=trust, any_attestor=any_attestor, require_setup=require_setup
        )
    required = required_setup(require_setup, parameters.key) if who is None else who.setup
    unsafe = is_unsafe(parameters.key, required, development=parameters.development)
    moment = int(time()) if at is None else seconds_of(at, "at")
    until = given.statement.epoch_time + rules.validity_seconds
    reason = None
    try:
        _check_statement(given.statement, rules, moment, until)
        if (asked or own is not None) and given.backing is None:
            raise ProofRejected("the statement names no position behind the books")
        if who is not None and given.backing is not None:
            check_attestors(given.backing.attestations, who.attestors)
            if own is not None and any(each.claimed.account != own for each in given.backing.attestations):
                raise ProofRejected("the position behind the books is of another account")
        _verify(given, listed, market, rules, parameters, report)
    except ProofRejected as error:
        reason = error.reason
    digest = "0x" + parameters.digest.hex()
    authenticated = who is not None and given.backing is not None and who.authenticates(given.backing.attestations)
    return BrokerResult(given, rules.name, until, reason, digest, parameters.key.ceremony, unsafe, authenticated)


def _check_statement(statement: BrokerStatement, policy: Policy, moment: int, until: int) -> None:
    """Refuse another policy, and times that do not go together."""
    if statement.policy != policy.digest:
        raise ProofRejected("the statement is under another policy")
    if abs(statement.epoch_time - statement.books_time) > policy.max_attestation_age_seconds:
        raise ProofRejected("the books are of another time than the epoch")
    if moment < statement.epoch_time:
        raise ProofRejected("the epoch lies in the future")
    if moment > until:
        raise ProofRejected("expired")


def _verify(
    proof: BrokerProof, books: BookList, market: PathLike | Market, policy: Policy, setup: Setup, report: Report
) -> None:
    backend, engine = load_backend(), verifying_engine()
    priced = loaded_market(market, policy, setup, backend)
    stated = proof.statement
    named = NO_BACKING if proof.backing is None else backing_digest(proof.backing.attestations)
    if stated.backing != named:
        raise ProofRejected("the statement names another position behind the books")
    if (stated.epoch, stated.epoch_time) != (priced.epoch_id, priced.epoch_time):
        raise ProofRejected("the statement is about another epoch than the market's")
    if books.terms.universe != priced.universe:
        raise ProofRejected("the books are over another universe than the market's")
    universe = priced.epoch.universe
    report("verifying books", 0, 0)
    verify_books(books, book_verifying_key(universe, books.terms.bits, setup, backend), engine)
    report("verifying", 0, 0)
    key = broker_verifying_key(policy, universe, proof.layout, setup, backend)
    verify_broker(key, stated, books, priced.columns, proof.proof, engine)
    if proof.backing is not None:
        vanishing = vanishing_point(setup, backend, universe.rows)
        verify_backing(proof.backing, stated.context, books, vanishing, engine or PythonEngine())


def check_broker_inclusion(
    inclusion: PathLike | BrokerInclusion,
    setup: PathLike | Setup,
    *,
    owner: str,
    proof: PathLike | BrokerProof | None = None,
    root: str | bytes | None = None,
    accounts: int | None = None,
) -> BrokerInclusion:
    """Check that a book stands in a broker's list under its owner's id, and that its pair opens to the file's lots.

    owner: the identifier that the owner knows themselves by, typed by them and never taken from the file: one account
    shown to two owners is refused by one of them. proof: what auditors verified; or its root and number of accounts.
    Whether the lots are right is for the owner to look at.

    Raises ProofRejected when the book is not in the list, FormatError for bad input.
    """
    held = loaded(inclusion, BrokerInclusion, read_broker_inclusion, "inclusion")
    parameters = loaded(setup, Setup, load_setup, "setup")
    if (proof is None) == (root is None or accounts is None):
        raise ArgumentError("proof", "expected either the proof, or its root and its number of accounts")
    if proof is not None:
        stated = loaded(proof, BrokerProof, read_broker_proof, "proof").statement
        root, accounts = stated.root, stated.accounts
    if held.owner != as_identifier(owner):
        raise ProofRejected("the file is another owner's")
    held.check(digest_of(root or b"", "root"), accounts or 0)
    if held.terms.setup != parameters.digest:
        raise ProofRejected("the pair is under another setup")
    backend, rows = load_backend(), len(held.lots)
    if rows > parameters.rows or rows & (rows - 1) or held.terms.bits > QUANTITY_BITS:
        raise ProofRejected("the pair is over more rows than the setup has")
    blindings = [[held.blinding]]
    coefficients = backend.interpolate([backend.vector_from_int64(np.ascontiguousarray(held.lots))], blindings)
    if backend.msm(parameters.monomial(backend), coefficients)[0] != held.book.net:
        raise ProofRejected("the pair does not open to these lots")
    return held
