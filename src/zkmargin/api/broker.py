"""A broker's proof in the Python API: all accounts of a list are adequate under one policy and epoch.

The steps, in order: `commit_books` commits to every account's book and proves its range, once until the book changes;
`prove_broker` proves each epoch that all accounts meet the policy; `make_broker_inclusion` makes an owner's file. What
auditors and owners do is in `zkmargin.api.broker_verification`.
"""

from __future__ import annotations

import secrets as randomness
from collections.abc import Mapping, Sequence
from time import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.api.arguments import (
    Instant,
    PathLike,
    check_outputs,
    loaded,
    loaded_epoch,
    loaded_market,
    loaded_signed,
    path_of,
    seconds_of,
)
from zkmargin.circuits.markets.positions import Positions, refuse_expired
from zkmargin.circuits.markets.units import QUANTITY_BITS
from zkmargin.circuits.markets.universe import Universe
from zkmargin.circuits.policies.policy import Policy, load_policy
from zkmargin.circuits.statements.attestation import Opening, read_opening
from zkmargin.circuits.statements.book.prover import BookProver
from zkmargin.circuits.statements.broker.backing import in_order, prove_backing
from zkmargin.circuits.statements.broker.circuit import choose_layout, compile_broker
from zkmargin.circuits.statements.broker.files import (
    BrokerSecrets,
    read_secrets,
    write_books,
    write_broker_inclusion,
    write_broker_proof,
    write_secrets,
)
from zkmargin.circuits.statements.broker.prover import BrokerProver, OpenBooks, digits_of
from zkmargin.circuits.statements.broker.solution import assign_all
from zkmargin.circuits.statements.margin.circuit import UniverseLayout
from zkmargin.circuits.statements.margin.market import Market
from zkmargin.exchange.books import read_account_books
from zkmargin.prover.commitments import weighted_sum
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.kernels.choice import AnyBackend
from zkmargin.prover.prove import Options
from zkmargin.prover.setup import Setup, load_setup
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.verifier.errors import ArgumentError, FormatError, NoProofError
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.merkle import MerkleTree
from zkmargin.verifier.statements.attestation import Attestation, read_attestation
from zkmargin.verifier.statements.book import Book, BookList
from zkmargin.verifier.statements.broker.backing import NO_BACKING, backing_digest
from zkmargin.verifier.statements.broker.files import check_name, read_books, read_broker_proof
from zkmargin.verifier.statements.broker.inclusion import SALT_BYTES, BrokerInclusion, account_id, salt_of
from zkmargin.verifier.statements.broker.statement import BrokerProof, BrokerStatement
from zkmargin.verifier.text import one_line

__all__ = ["ShortAccountsError", "commit_books", "make_broker_inclusion", "prove_broker"]

_CHECK_BITS: Final = 128
_NAMED: Final = 5


class ShortAccountsError(NoProofError):
    """Some accounts do not meet the policy, so that no proof exists. For the broker's eyes: names them, and why.

    failures: by owner, the label of the first constraint that fails.
    """

    def __init__(self, policy: str, failures: Mapping[str, str]) -> None:
        named = ", ".join(f"{one_line(owner, 40)} ({label})" for owner, label in list(failures.items())[:_NAMED])
        more = f", and {len(failures) - _NAMED} more" if len(failures) > _NAMED else ""
        super().__init__(f"{len(failures)} accounts do not meet policy {policy}: {named}{more}")
        self.failures = dict(failures)


def commit_books(
    market: PathLike | Market,
    accounts: PathLike | Mapping[str, NDArray[np.int64]],
    setup: PathLike | Setup,
    *,
    out: PathLike,
    openings: PathLike,
    previous: tuple[PathLike, PathLike] | None = None,
    policy: PathLike | Policy | None = None,
    at: Instant | None = None,
    report: Report = silent,
) -> tuple[BookList, int]:
    """Commit to every account's book and prove its range; return the list, and how many pairs are new.

    accounts: a .csv or .parquet file of account, instrument, quantity; or lots by row for each account. out: the list,
    for whoever verifies. openings: what opens it, secret. previous: an earlier list and its openings; what is unchanged
    keeps its pair and its proof, and shows that it is unchanged. policy: where it has narrower quantities than usual.
    at: when the books were taken, by default now.

    Raises InputError naming the row, FormatError when the earlier list is over another universe or setup.
    """
    check_outputs({"out": out, "openings": openings}, inputs={"market": market, "accounts": accounts}, arrays=True)
    parameters, backend = loaded(setup, Setup, load_setup, "setup"), load_backend()
    epoch, _ = loaded_epoch(market, parameters)
    bits = QUANTITY_BITS if policy is None else loaded(policy, Policy, load_policy, "policy").quantity_bits
    taken = int(time()) if at is None else seconds_of(at, "at")
    if isinstance(accounts, Mapping):
        held = dict(accounts)
    else:
        held = read_account_books(path_of(accounts, "accounts", "lots by account"), epoch.universe)
    prover = BookProver(epoch.universe, bits, parameters, backend)
    known, master = _known(previous, prover)
    ids = {owner: account_id(owner, salt_of(master, owner)) for owner in held}
    owners = sorted(held, key=lambda owner: ids[owner])
    books: list[Book] = []
    proofs: list[bytes] = []
    blinding: list[tuple[int, int]] = []
    made = 0
    for done, owner in enumerate(owners):
        report("committing to books", done, len(owners))
        lots = held[owner]
        kept = known.get(ids[owner])
        if kept is not None and np.array_equal(kept[2], lots):
            books.append(kept[0])
            proofs.append(kept[1])
            blinding.append(kept[3])
            continue
        opened = prover.commit(ids[owner], lots)
        books.append(opened.book)
        proofs.append(prover.prove(opened))
        blinding.append((opened.net_blinding, opened.gross_blinding))
        made += 1
    listed = BookList(prover.terms, tuple(books), tuple(proofs), taken)
    lots = np.stack([held[owner] for owner in owners])
    opening = OpenBooks(lots, [net for net, _ in blinding], [gross for _, gross in blinding])
    write_secrets(openings, BrokerSecrets(master, tuple(owners), opening))
    write_books(out, listed)
    return listed, made


_Kept = tuple[Book, bytes, NDArray[np.int64], tuple[int, int]]


def _known(
    previous: tuple[PathLike, PathLike] | None, prover: BookProver[Any, Any]
) -> tuple[dict[bytes, _Kept], bytes]:
    """The pairs of an earlier list by account id, and the secret behind its salts; a fresh one without a list."""
    if previous is None:
        return {}, randomness.token_bytes(SALT_BYTES)
    listed = read_books(path_of(previous[0], "previous"))
    kept = read_secrets(path_of(previous[1], "previous"))
    if listed.terms != prover.terms:
        raise ArgumentError(
            "previous", "expected a list over the same universe, setup and bits; commit to all books anew"
        )
    _check_openings(listed, kept, prover.setup, prover.backend)
    opening = kept.opening
    pairs = zip(opening.net_blinding, opening.gross_blinding, strict=True)
    rows = zip(listed.books, listed.proofs, opening.lots, pairs, strict=True)
    return {book.account: (book, proof, lots, pair) for book, proof, lots, pair in rows}, kept.master


def prove_broker(
    market: PathLike | Market,
    policy: PathLike | Policy,
    books: PathLike,
    openings: PathLike | BrokerSecrets,
    setup: PathLike | Setup,
    *,
    broker: str,
    attestations: Sequence[PathLike | Attestation] = (),
    secrets: Sequence[PathLike | Opening] = (),
    out: PathLike | None = None,
    report: Report = silent,
) -> BrokerProof:
    """Prove that every account of a list meets the policy in the market's epoch. broker: its name, in the statement.

    attestations, secrets: of the broker's own account at its venues, of the time of the list; with them the proof also
    says that the accounts' books net to what the broker holds there.

    Raises UnbackedError when they do not, ShortAccountsError naming who falls short, to the broker alone;
    PositionsError when an instrument that has expired is held; FormatError when the files do not go together.
    """
    check_outputs({"out": out}, inputs={"market": market, "books": books, "openings": openings})
    signed = [loaded_signed(each, Attestation, read_attestation, "attestations") for each in attestations]
    own = [loaded(each, Opening, read_opening, "secrets") for each in secrets]
    named = check_name(broker, "broker")
    rules, parameters = loaded(policy, Policy, load_policy, "policy"), loaded(setup, Setup, load_setup, "setup")
    backend = load_backend()
    report("reading", 0, 0)
    listed = read_books(path_of(books, "books"))
    kept = loaded(openings, BrokerSecrets, read_secrets, "openings")
    priced = loaded_market(market, rules, parameters, backend)
    universe = priced.epoch.universe
    if listed.terms.universe != priced.universe or listed.terms.bits > rules.quantity_bits:
        raise ArgumentError("books", "expected a list over the market's universe, of no more bits than the policy's")
    _check_openings(listed, kept, parameters, backend)
    _refuse_expired(universe, kept, priced)
    ordered, parts = in_order(signed, own, listed) if signed or own else ((), ())
    layout = choose_layout(rules, UniverseLayout.of(universe), len(listed.books), parameters.rows)
    program = compile_broker(rules, UniverseLayout.of(universe), layout)
    report("witness", 0, 0)
    solved = assign_all(rules.constraints(universe.shape), program, priced.columns, kept.opening.lots)
    if solved.failures:
        raise ShortAccountsError(rules.name, {kept.owners[k]: label for k, label in sorted(solved.failures.items())})
    statement = BrokerStatement(
        broker=named,
        policy=rules.digest,
        epoch=priced.epoch_id,
        epoch_time=priced.epoch_time,
        books_time=listed.time,
        accounts=len(listed.books),
        root=listed.root,
        backing=backing_digest(ordered) if ordered else NO_BACKING,
    )
    behind = None
    if ordered:
        behind = prove_backing(ordered, parts, listed, kept.opening, statement.context, parameters, backend)
    options = Options(progress=lambda name, fraction: report(name, round(100 * fraction), 100))
    prover = BrokerProver(program, parameters, backend, priced.columns)
    data = prover.prove(statement, kept.opening, digits_of(program, solved.values), options)
    proof = BrokerProof(statement, rules.name, layout, data, behind)
    if out is not None:
        write_broker_proof(out, proof)
    return proof


def _check_openings(listed: BookList, kept: BrokerSecrets, setup: Setup, backend: AnyBackend) -> None:
    """Raise FormatError unless the openings open the list's pairs: one random combination for each half of them."""
    count = len(listed.books)
    if len(kept.owners) != count or any(kept.account(k) != book.account for k, book in enumerate(listed.books)):
        raise FormatError("openings: expected those that were written with the list, got another list's")
    lots = kept.opening.lots
    basis = setup.lagrange(backend, lots.shape[1])
    for name, points, blinding in (
        ("net", [book.net for book in listed.books], kept.opening.net_blinding),
        ("gross", [book.gross for book in listed.books], kept.opening.gross_blinding),
    ):
        weights = [randomness.randbits(_CHECK_BITS) for _ in points]
        total = backend.constant(0, lots.shape[1])
        for book, weight in zip(lots, weights, strict=True):
            values = np.abs(book) if name == "gross" else book
            vector = backend.vector_from_int64(np.ascontiguousarray(values))
            total = backend.linear_combination([total, vector], [1, weight])
        tail = sum(weight * scalar for weight, scalar in zip(weights, blinding, strict=True)) % SCALAR_MODULUS
        if backend.msm(basis, [total], [[tail]])[0] != weighted_sum(backend, points, weights):
            raise FormatError("openings: expected them to open the list's pairs; one of the two files was altered")


def _refuse_expired(universe: Universe, kept: BrokerSecrets, market: Market) -> None:
    """Raise PositionsError naming an account that holds an instrument which has expired."""
    expired = [each.row for each in universe.listings if each.expiry is not None and each.expiry <= market.epoch.as_of]
    for position in np.flatnonzero(np.any(kept.opening.lots[:, expired] != 0, axis=1)).tolist():
        held = Positions(universe.digest, kept.opening.lots[position].copy())
        refuse_expired(universe, held, market.epoch.as_of, f"account {one_line(kept.owners[position], 40)}")


def make_broker_inclusion(
    proof: PathLike | BrokerProof,
    books: PathLike,
    openings: PathLike | BrokerSecrets,
    owner: str,
    *,
    out: PathLike | None = None,
) -> BrokerInclusion:
    """Make the file by which an owner checks that their book stands in the list that the proof is about.

    Raises ArgumentError for an owner who is not in the list, FormatError for a list that the proof is not about.
    """
    check_outputs({"out": out}, inputs={"proof": proof, "books": books, "openings": openings})
    stated = loaded(proof, BrokerProof, read_broker_proof, "proof").statement
    listed = read_books(path_of(books, "books"))
    kept = loaded(openings, BrokerSecrets, read_secrets, "openings")
    tree = MerkleTree(listed.pair_ids)
    if tree.root != stated.root or len(kept.owners) != len(listed.books):
        raise FormatError("books: expected the list that the proof is about and its openings, got another")
    if owner not in kept.owners:
        raise ArgumentError("owner", "expected an account of the list")
    index = kept.owners.index(owner)
    made = BrokerInclusion(
        owner=owner,
        salt=salt_of(kept.master, owner),
        terms=listed.terms,
        book=listed.books[index],
        lots=kept.opening.lots[index],
        blinding=kept.opening.net_blinding[index],
        index=index,
        accounts=len(listed.books),
        path=tree.path(index),
    )
    if out is not None:
        write_broker_inclusion(out, made)
    return made
