"""The verifier of the broker's proof, top to bottom, in the order of docs/protocol.md, section 21.

The market enters in the clear: whoever verifies has its columns, which the statement's epoch names, and evaluates what
the equations make of them by itself. Books enter through their commitments, linearly: two points an account, all in one
combination with everything else, and one check of two pairings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.verifier.curve import G1, G1_GENERATOR, G2_GENERATOR, GroupEngine, PythonEngine
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS, inverse, root_of_unity
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.lagrange import lagrange_evaluations
from zkmargin.verifier.proof import encode_points
from zkmargin.verifier.srs import SetupKey
from zkmargin.verifier.statements.book import BookList
from zkmargin.verifier.statements.broker.circuit import (
    BookTerm,
    BrokerCircuit,
    Equation,
    account_weights,
    column_weights_at,
    limb_weights,
)
from zkmargin.verifier.statements.broker.proof import BrokerArgument, decode_argument
from zkmargin.verifier.statements.broker.statement import BrokerStatement
from zkmargin.verifier.transcript import Transcript

PROOF_DOMAIN: Final = b"zkmargin/broker-proof/v1"
KEY_DOMAIN: Final = b"zkmargin/broker-key/v1"
_R: Final = SCALAR_MODULUS
_HALF: Final = inverse(2)
_SHARES: Final = {"net": (1, 0), "gross": (0, 1), "long": (_HALF, _HALF), "short": (_R - _HALF, _HALF)}
"""A part of q as shares of q and of |q|: max(q, 0) = (|q| + q) / 2, max(-q, 0) = (|q| - q) / 2."""

Columns = Mapping[str, NDArray[np.int64]]
"""The epoch's public columns by name, (universe rows,) each."""


@dataclass(frozen=True)
class BrokerKey:
    """A circuit, the setup, and the commitment to the range table 0, ..., 2^table_bits - 1, 0, ..., 0."""

    circuit: BrokerCircuit
    setup: SetupKey
    table: G1

    @property
    def digest(self) -> bytes:
        """Names circuit and table."""
        return keccak256(KEY_DOMAIN + self.circuit.digest + encode_points([self.table]))


@dataclass(frozen=True)
class Challenges:
    """alpha: LogUp; gamma: equations; x: accounts; y: identities; zeta: evaluation; v: claims; z: the batched claim."""

    alpha: int
    gamma: int
    x: int
    y: int
    zeta: int
    v: int
    z: int


def start_transcript(key: BrokerKey, statement: BrokerStatement) -> Transcript:
    """The transcript before the first round. The statement's root binds every account's pair of commitments."""
    return Transcript(key.digest + key.setup.digest + statement.context, PROOF_DOMAIN)


def derive_challenges(key: BrokerKey, statement: BrokerStatement, proof: BrokerArgument) -> Challenges:
    """The challenges of a proof: alpha, gamma and x after the digits, and each other after what it tests."""
    transcript = start_transcript(key, statement)
    transcript.absorb(proof.first_round())
    alpha, gamma, x = transcript.challenge(), transcript.challenge(), transcript.challenge()
    transcript.absorb(proof.second_round())
    y = transcript.challenge()
    transcript.absorb(proof.third_round())
    zeta = transcript.challenge()
    transcript.absorb(proof.fourth_round())
    v = transcript.challenge()
    transcript.absorb(encode_points([proof.opening]))
    return Challenges(alpha, gamma, x, y, zeta, v, transcript.challenge())


def check_degenerate(circuit: BrokerCircuit, at: Challenges) -> None:
    """Raise ProofRejected for challenges at which some denominator of the protocol is zero."""
    layout = circuit.layout
    zeta_n = pow(at.zeta, layout.rows, _R)
    if zeta_n == 1:
        raise ProofRejected("zeta lies in the domain")
    if at.z in (at.zeta, root_of_unity(layout.rows) * at.zeta % _R):
        raise ProofRejected("z is a point of evaluation")
    if pow(at.x, layout.block, _R) == 1:
        raise ProofRejected("x lies in the accounts' domain")
    if pow(at.x, layout.rows, _R) == zeta_n:
        raise ProofRejected("x and zeta lie in one coset")


# -- the market ------------------------------------------------------------------------------------------------------


def part_shares(term: BookTerm) -> tuple[int, int]:
    """coefficient * part(q) as multiples of q and of |q|, modulo r; zero and zero for a constant."""
    net, gross = _SHARES.get(term.part, (0, 0))
    return term.coefficient * net % _R, term.coefficient * gross % _R


def sum_weights(circuit: BrokerCircuit, powers: Sequence[int]) -> dict[tuple[int, int | None], tuple[int, int]]:
    """For each (column, mask) pair what its sums with q and with |q| weigh in all equations together."""
    weights: dict[tuple[int, int | None], tuple[int, int]] = dict.fromkeys(circuit.sums, (0, 0))
    for power, equation in zip(powers, circuit.equations, strict=True):
        for term in equation.terms:
            net, gross = part_shares(term)
            old = weights[term.column, term.mask]
            weights[term.column, term.mask] = (old[0] + power * net) % _R, (old[1] + power * gross) % _R
    return weights


def equation_constant(circuit: BrokerCircuit, equation: Equation, columns: Columns) -> int:
    """The equation's constant: its own, and public columns summed where no quantity multiplies them."""
    total = equation.constant
    for term in equation.terms:
        if term.part == "unit":
            total += term.coefficient * sum(masked_column(circuit, columns, term.column, term.mask)[1])
    return total


def masked_column(
    circuit: BrokerCircuit, columns: Columns, column: int, mask: int | None
) -> tuple[Sequence[int], list[int]]:
    """The rows of a group, and a column's values there."""
    values: list[int] = columns[circuit.columns[column].name].tolist()
    if mask is None:
        return range(circuit.universe_rows), values
    rows = circuit.masks[mask].rows(circuit.universe_rows)
    return rows, [values[row] for row in rows]


def check_columns(circuit: BrokerCircuit, columns: Columns) -> None:
    """Raise FormatError unless the columns are the circuit's, each within the bounds that it declares."""
    for declared in circuit.columns:
        values = columns.get(declared.name)
        if values is None or values.shape != (circuit.universe_rows,) or values.dtype != np.int64:
            raise FormatError(f"column {declared.name}: expected {circuit.universe_rows} int64 values")
        top = 1 << declared.bits
        low = 1 - top if declared.signed else 0
        if int(values.min()) < low or int(values.max()) >= top:
            raise FormatError(f"column {declared.name}: expected less than 2^{declared.bits} in magnitude, got more")


def market_at(circuit: BrokerCircuit, columns: Columns, powers: Sequence[int], zeta: int) -> tuple[int, int]:
    """P(zeta) and M(zeta): what multiplies every account's q and |q|, all equations together."""
    rows = circuit.universe_rows
    found = lagrange_evaluations(rows, range(rows), zeta)
    lagrange = [found[row] for row in range(rows)]
    net = gross = 0
    for (column, mask), (of_net, of_gross) in sum_weights(circuit, powers).items():
        if not of_net and not of_gross:
            continue
        chosen, values = masked_column(circuit, columns, column, mask)
        basis = lagrange if mask is None else [lagrange[row] for row in chosen]
        value = sum(map(mul, values, basis)) % _R
        net, gross = (net + of_net * value) % _R, (gross + of_gross * value) % _R
    return net, gross


def universe_mask_at(circuit: BrokerCircuit, zeta: int) -> int:
    """What is one on the universe's rows, every N/n-th of the proof's, and zero on the others."""
    rows, n = circuit.layout.rows, circuit.universe_rows
    return (pow(zeta, rows, _R) - 1) * inverse(rows // n * (pow(zeta, n, _R) - 1)) % _R


# -- the linearised constraint polynomial ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Linearised:
    """sum_i y^i identity_i at zeta: a constant, and what each polynomial that is not evaluated is multiplied by.

    net, gross: of sum_k rho_k C_k and of sum_k rho_k A_k.
    """

    constant: int
    helpers: tuple[int, ...]
    multiplicities: int
    running_sum: int
    net: int
    gross: int


def linearise(circuit: BrokerCircuit, columns: Columns, at: Challenges, evaluations: Sequence[int]) -> Linearised:
    """Read every identity at zeta. In order: one a helper, then the running sum's.

    Helper i: h d_1 d_2 - d_1 - d_2 with d = alpha + digit, the table's fraction being -m / (alpha + table). The running
    sum: phi(w X) - phi(X) = sum of h + gamma (sum over groups (W U + V U^2) + mask (P Q + M A) + constant / N).
    """
    layout = circuit.layout
    digits, phi_next = evaluations[: layout.columns], evaluations[layout.columns + 1]
    shifted = [(at.alpha + value) % _R for value in evaluations[: layout.columns + 1]]
    constant, helpers, multiplicities, weight = 0, [], 0, 1
    for first in range(0, len(shifted), 2):
        pair = shifted[first : first + 2]
        with_table = first + len(pair) == len(shifted)
        helpers.append(weight * pair[0] * (pair[1] if len(pair) == 2 else 1) % _R)
        if not with_table:
            constant -= weight * (pair[0] + pair[1])
        elif len(pair) == 1:
            multiplicities = weight
        else:
            constant -= weight * pair[1]
            multiplicities = weight * pair[0] % _R
        weight = weight * at.y % _R

    weights = limb_weights(circuit, at.gamma)
    linear, squared = column_weights_at(circuit, at.x, (weights.linear, weights.squared), at.zeta)
    step = 0
    for group in range(layout.groups):
        start = group * layout.digits
        value = sum(digits[start + d] << (layout.table_bits * d) for d in range(layout.digits)) % _R
        step += linear[group] * value + squared[group] * value % _R * value
    constants = [equation_constant(circuit, equation, columns) for equation in circuit.equations]
    all_accounts = sum(account_weights(layout, at.x))
    step += all_accounts * sum(map(mul, weights.powers, constants)) % _R * inverse(layout.rows)
    constant += weight * (phi_next - at.gamma * step)
    net, gross = market_at(circuit, columns, weights.powers, at.zeta)
    masked = -weight * at.gamma % _R * universe_mask_at(circuit, at.zeta) % _R
    return Linearised(
        constant % _R,
        tuple((coefficient - weight) % _R for coefficient in helpers),
        multiplicities % _R,
        -weight % _R,
        masked * net % _R,
        masked * gross % _R,
    )


def verify_broker(
    key: BrokerKey,
    statement: BrokerStatement,
    books: BookList,
    columns: Columns,
    proof: bytes,
    engine: GroupEngine | None = None,
) -> None:
    """Return if `proof` proves that every account of `books` satisfies every equation under `columns`.

    The caller has verified the books' proofs (`verify_books`), has built `key` from the policy, and knows that
    `columns` are those of the statement's epoch. Raises ProofRejected if not, FormatError if anything is malformed.
    """
    engine = engine or PythonEngine()
    circuit, layout = key.circuit, key.circuit.layout
    if books.terms.setup != key.setup.digest or books.terms.bits > circuit.quantity_bits:
        raise FormatError("books: expected pairs under the key's setup, of no more bits than its quantities")
    if not len(books.books) == layout.accounts == statement.accounts:
        raise FormatError(f"books: expected the statement's {statement.accounts} accounts, got {len(books.books)}")
    if (books.root, books.time) != (statement.root, statement.books_time):
        raise ProofRejected("another list of accounts")
    check_columns(circuit, columns)
    argument = decode_argument(layout, proof)
    at = derive_challenges(key, statement, argument)
    check_degenerate(circuit, at)
    points = combined_claim(key, books, columns, argument, at)
    left = engine.combine(list(points), [scalar % _R for scalar in points.values()])
    check = argument.opening_check
    negated = G1(check.x, BASE_MODULUS - check.y)
    if not engine.pairing_product_is_one([(left, G2_GENERATOR), (negated, key.setup.g2_x)]):
        raise ProofRejected("pairing")


def combined_claim(
    key: BrokerKey, books: BookList, columns: Columns, proof: BrokerArgument, at: Challenges
) -> dict[G1, int]:
    """The points, by their scalars, of A in e(A, [1]_2) = e(W', [tau]_2)."""
    circuit, layout = key.circuit, key.circuit.layout
    linear = linearise(circuit, columns, at, proof.evaluations)
    w = root_of_unity(layout.rows)
    at_zeta, at_rotated = inverse(at.z - at.zeta), inverse(at.z - w * at.zeta)
    points: dict[G1, int] = defaultdict(int)
    points[G1_GENERATOR] += linear.constant * at_zeta
    for point, coefficient in zip(proof.helpers, linear.helpers, strict=True):
        points[point] += coefficient * at_zeta
    points[proof.multiplicities] += linear.multiplicities * at_zeta
    points[proof.running_sum] += linear.running_sum * at_zeta
    points[proof.quotient] -= (pow(at.zeta, layout.rows, _R) - 1) * at_zeta
    of_net, of_gross = linear.net * at_zeta % _R, linear.gross * at_zeta % _R
    for book, rho in zip(books.books, account_weights(layout, at.x), strict=True):
        points[book.net] += of_net * rho % _R
        points[book.gross] += of_gross * rho % _R
    weight = 1
    for point, value in zip((*proof.digits, key.table), proof.evaluations[:-1], strict=True):
        weight = weight * at.v % _R
        points[point] += weight * at_zeta % _R
        points[G1_GENERATOR] -= weight * at_zeta % _R * value
    weight = weight * at.v % _R
    points[proof.running_sum] += weight * at_rotated % _R
    points[G1_GENERATOR] -= weight * at_rotated % _R * proof.evaluations[-1]
    points[proof.opening] -= 1
    points[proof.opening_check] += at.z
    return points
