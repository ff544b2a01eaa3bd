"""A broker at full size: accounts with dense books over a synthetic chain, committed to, proven and verified.

    python benchmarks/full_broker.py ACCOUNTS ROWS SCENARIOS [DENSITY]

prints one JSON object: seconds of each step, sizes, and the process's own peak of memory. Book proofs are made and
verified for a few accounts only; their time and size are given for one.
"""

from __future__ import annotations

import json
import secrets
import sys
from time import perf_counter, process_time
from typing import Any

import numpy as np
from full_size import instruments, policy
from memory import peak_mb
from numpy.typing import NDArray

from zkmargin.circuits.statements.book.prover import BookProver
from zkmargin.circuits.statements.book.verification import book_verifying_key
from zkmargin.circuits.statements.broker.circuit import choose_layout, compile_broker
from zkmargin.circuits.statements.broker.prover import BrokerProver, OpenBooks, digits_of
from zkmargin.circuits.statements.broker.solution import assign_all
from zkmargin.circuits.statements.margin.circuit import UniverseLayout
from zkmargin.circuits.statements.margin.market import build_market
from zkmargin.prover.kernels import load_backend, native_engine
from zkmargin.prover.kernels.choice import AnyBackend
from zkmargin.prover.setup import Setup, development_setup
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.book import Book, BookList, verify_books
from zkmargin.verifier.statements.broker.statement import BrokerStatement
from zkmargin.verifier.statements.broker.verify import verify_broker

FEW = 4
CHUNK = 256


def books_of(accounts: int, rows: int, held: list[int], density: float) -> NDArray[np.int64]:
    """Random lots in `density` of the instruments; the cash row is large enough for all."""
    rng = np.random.default_rng(1)
    lots = np.zeros((accounts, rows), dtype=np.int64)
    for book in lots:
        chosen = rng.random(len(held)) < density
        book[held] = np.where(chosen, rng.integers(-1000, 1000, len(held)), 0)
    return lots


def commit_all(setup: Setup, backend: AnyBackend, lots: NDArray[np.int64], opening: OpenBooks) -> list[Book]:
    """The pairs of all accounts, without their proofs."""
    basis = setup.lagrange(backend, lots.shape[1])
    books = []
    for start in range(0, len(lots), CHUNK):
        points = []
        for values, blinding in (
            (lots[start : start + CHUNK], opening.net_blinding),
            (np.abs(lots[start : start + CHUNK]), opening.gross_blinding),
        ):
            vectors = [backend.vector_from_int64(np.ascontiguousarray(row)) for row in values]
            tails = [[scalar] for scalar in blinding[start : start + CHUNK]]
            points.append(backend.msm(basis, vectors, tails))
        books += [Book((1 + start + k).to_bytes(32, "big"), *pair) for k, pair in enumerate(zip(*points, strict=True))]
    return books


class Timer:
    """Seconds of a block: on the clock, and of processors, which other work on the machine does not lengthen."""

    def __init__(self, took: dict[str, Any], name: str, share: int = 1) -> None:
        self.took, self.name, self.share = took, name, share

    def __enter__(self) -> None:
        self.start = perf_counter(), process_time()

    def __exit__(self, *_: object) -> None:
        self.took[f"{self.name}_seconds"] = (perf_counter() - self.start[0]) / self.share
        self.took[f"{self.name}_cpu_seconds"] = (process_time() - self.start[1]) / self.share


def measure(accounts: int, rows: int, scenarios: int, density: float = 1.0) -> dict[str, Any]:
    """Seconds, bytes and megabytes of one epoch."""
    took: dict[str, Any] = {"accounts": accounts, "rows": rows, "scenarios": scenarios, "density": density}
    backend, rules = load_backend(), policy(scenarios)
    most = max(rows, 1 << 16 if accounts <= 12_000 else 1 << 18)
    setup = development_setup(most, backend)
    market = build_market(instruments(rows * 3 // 4), rules, setup, backend)
    universe = market.epoch.universe
    held = [listing.row for listing in universe.listings]
    spot = next(listing.row for listing in universe.listings if listing.id == "BTC")
    lots = books_of(accounts, universe.rows, held, density)
    lots[:, spot] = 1 << 56
    draw = [[secrets.randbelow(SCALAR_MODULUS) for _ in range(accounts)] for _ in range(2)]
    opening = OpenBooks(lots, *draw)
    with Timer(took, "commit"):
        pairs = commit_all(setup, backend, lots, opening)

    prover = BookProver(universe, rules.quantity_bits, setup, backend)
    prover.argument.prepare()
    few = [prover.commit(bytes([k + 1]) * 32, lots[k]) for k in range(min(FEW, accounts))]
    prover.prove(few[0])
    with Timer(took, "book_proof", len(few)):
        proofs = [prover.prove(each) for each in few]
    took["book_proof_bytes"] = len(proofs[0])
    key = book_verifying_key(universe, rules.quantity_bits, setup, backend)
    sample = BookList(prover.terms, tuple(each.book for each in few), tuple(proofs), market.epoch_time)
    with Timer(took, "book_verify", len(few)):
        verify_books(sample, key, native_engine())

    listed = BookList(prover.terms, tuple(pairs), (b"",) * accounts, market.epoch_time)
    layout = choose_layout(rules, UniverseLayout.of(universe), accounts, setup.rows)
    program = compile_broker(rules, UniverseLayout.of(universe), layout)
    argument = BrokerProver(program, setup, backend, market.columns)
    _ = argument.key, setup.monomial(backend)
    took |= {"equations": len(program.circuit.equations), "limbs": program.circuit.limbs, "columns": layout.columns}
    took |= {"proof_rows": layout.rows, "backend": backend.name, "universe_rows": universe.rows}
    with Timer(took, "witness"):
        solved = assign_all(rules.constraints(universe.shape), program, market.columns, lots)
        if solved.failures:
            raise RuntimeError("an account is short")
        digits = digits_of(program, solved.values)
    statement = BrokerStatement(
        broker="bench",
        policy=rules.digest,
        epoch=market.epoch_id,
        epoch_time=market.epoch_time,
        books_time=market.epoch_time,
        accounts=accounts,
        root=listed.root,
    )
    with Timer(took, "prove"):
        proof = argument.prove(statement, opening, digits)
    took["proof_bytes"] = len(proof)
    with Timer(took, "verify"):
        verify_broker(argument.key, statement, listed, market.columns, proof, native_engine())
    took["peak_memory_mb"] = peak_mb()
    return took


if __name__ == "__main__":
    count, size, cases = (int(argument) for argument in sys.argv[1:4])
    share = float(sys.argv[4]) if len(sys.argv) > 4 else 1.0
    found = measure(count, size, cases, share)
    print(json.dumps({name: round(value, 3) if isinstance(value, float) else value for name, value in found.items()}))
