"""The prover of the broker's statement: the rounds of docs/protocol.md, section 21, in order.

Columns are worked on one or a few at a time: besides the books, what is kept is the coefficients of the digit columns
and of the helpers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Generic

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.statements.broker.circuit import BrokerProgram
from zkmargin.prover.commitments import weighted_sum
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.prove import Options
from zkmargin.prover.randomness import Blinding
from zkmargin.prover.rounds.opening import opening_of
from zkmargin.prover.setup import Setup
from zkmargin.verifier.curve import G1
from zkmargin.verifier.errors import NoProofError
from zkmargin.verifier.field import GENERATOR, SCALAR_MODULUS, inverse, root_of_unity
from zkmargin.verifier.proof import encode_points
from zkmargin.verifier.statements.broker.circuit import (
    BrokerCircuit,
    Layout,
    LimbWeights,
    account_weights,
    limb_weights,
)
from zkmargin.verifier.statements.broker.proof import BrokerArgument, encode_scalars
from zkmargin.verifier.statements.broker.statement import BrokerStatement
from zkmargin.verifier.statements.broker.verify import (
    BrokerKey,
    Challenges,
    Columns,
    check_degenerate,
    equation_constant,
    linearise,
    masked_column,
    start_transcript,
    sum_weights,
)

_R: Final = SCALAR_MODULUS
_CHUNK: Final = 256
"""Books that are folded at a time."""

DIGIT_BLINDING: Final = 2
"""A digit column is seen at tau and at zeta."""
HELPER_BLINDING: Final = 1
MULTIPLICITY_BLINDING: Final = 1
RUNNING_SUM_BLINDING: Final = 3
"""phi is seen at tau, at w zeta and, through the quotient, at w tau."""

Digits = NDArray[np.int64]
"""(accounts, limbs, digits) in [0, 2^table_bits)."""


class UnprovableError(NoProofError):
    """Some equation of some account does not hold. The prover's own check says so; the message shows no value."""


@dataclass(frozen=True, eq=False)
class OpenBooks:
    """What opens the pairs of a list: lots (accounts, rows), and two blinding scalars an account. Secret."""

    lots: NDArray[np.int64]
    net_blinding: Sequence[int]
    gross_blinding: Sequence[int]

    def __repr__(self) -> str:
        return f"OpenBooks({len(self.lots)} accounts)"


def digits_of(program: BrokerProgram, values: Any) -> Digits:
    """The digits of every limb. `values` maps scalars to (accounts,) Python integers.

    Raises UnprovableError, never quoting a value, when one is negative or beyond its limbs.
    """
    layout = program.circuit.layout
    found = np.zeros((layout.accounts, program.circuit.limbs, layout.digits), dtype=np.int64)
    weights = 1 << np.arange(layout.table_bits, dtype=np.int64)
    for scalar in program.scalars:
        count = len(scalar.limbs)
        bits = count * layout.limb_bits
        size = -(-bits // 8)
        held = values[scalar.name].tolist()
        if min(held) < 0 or max(held) >= 1 << bits:
            raise UnprovableError(f"broker: {scalar.name}: expected 0 <= value < 2**{bits} of every account")
        data = b"".join(value.to_bytes(size, "little") for value in held)
        unpacked = np.unpackbits(np.frombuffer(data, np.uint8).reshape(-1, size), axis=1, bitorder="little")
        shaped = unpacked[:, :bits].reshape(len(unpacked), count, layout.digits, layout.table_bits)
        found[:, list(scalar.limbs)] = shaped @ weights
    return found


def digit_column(circuit: BrokerCircuit, digits: Digits, column: int) -> NDArray[np.int64]:
    """A digit column on the proof's rows: row slot + slots i of account block a's slots holds account a block + i."""
    layout, sub = circuit.layout, circuit.sub_slots
    group, position = divmod(column, layout.digits)
    limbs = digits[:, group * sub : (group + 1) * sub, position]
    placed = np.zeros((layout.blocks * layout.block, sub), dtype=np.int64)
    placed[: len(limbs), : limbs.shape[1]] = limbs
    rows = np.zeros((layout.block, layout.slots), dtype=np.int64)
    by_block = placed.reshape(layout.blocks, layout.block, sub)
    rows[:, : layout.blocks * sub] = by_block.transpose(1, 0, 2).reshape(layout.block, -1)
    return rows.reshape(-1)


@dataclass(eq=False)
class BrokerProver(Generic[V, P]):
    """Proves one circuit's statements under one setup and one epoch's columns. Tests bend its methods."""

    program: BrokerProgram
    setup: Setup
    backend: Backend[V, P]
    columns: Columns

    def __repr__(self) -> str:
        return f"BrokerProver({self.circuit!r}, {self.backend.name})"

    @property
    def circuit(self) -> BrokerCircuit:
        """The circuit."""
        return self.program.circuit

    @property
    def layout(self) -> Layout:
        """Its layout."""
        return self.program.circuit.layout

    @cached_property
    def basis(self) -> P:
        """The commitment basis of the proof's rows. Raises SetupError when the setup is too small."""
        return self.setup.lagrange(self.backend, self.layout.rows)

    @cached_property
    def table(self) -> V:
        """The range table on the proof's rows."""
        entries = np.zeros(self.layout.rows, dtype=np.int64)
        entries[: 1 << self.layout.table_bits] = np.arange(1 << self.layout.table_bits)
        return self.backend.vector_from_int64(entries)

    @cached_property
    def key(self) -> BrokerKey:
        """The verifying key."""
        return BrokerKey(self.circuit, self.setup.key, self.backend.msm(self.basis, [self.table])[0])

    # -- what a forger would change ----------------------------------------------------------------------------------

    def digit_vector(self, digits: Digits, column: int) -> V:
        """A digit column on the proof's rows."""
        return self.backend.vector_from_int64(digit_column(self.circuit, digits, column))

    def multiplicities(self, columns: Sequence[V]) -> V:
        """How often each table entry is looked up."""
        return self.backend.multiplicities(columns, self.layout.table_bits, self.layout.rows)

    def account_weights(self, x: int) -> list[int]:
        """rho_k of every account."""
        return account_weights(self.layout, x)

    def weight_columns(self, weights: Sequence[int], x: int) -> Iterator[V]:
        """For each column group the limbs' weights times rho on the proof's rows."""
        layout, sub = self.layout, self.circuit.sub_slots
        filled = replace(layout, accounts=layout.blocks * layout.block)
        rho = _packed(account_weights(filled, x)).reshape(layout.blocks, layout.block, 1, 32)
        rows = np.zeros((layout.block, layout.slots, 32), dtype=np.uint8)
        used = rows[:, : layout.blocks * sub].reshape(layout.block, layout.blocks, sub, 32)
        used = np.broadcast_to(rho.transpose(1, 0, 2, 3), used.shape)
        rows[:, : layout.blocks * sub] = used.reshape(layout.block, -1, 32)
        accounts = self.backend.vector_from_bytes(rows.tobytes())
        for group in range(layout.groups):
            limbs = list(weights[group * sub : (group + 1) * sub])
            limbs += [0] * (sub - len(limbs))
            tiles = np.zeros((layout.slots, 32), dtype=np.uint8)
            tiles[: layout.blocks * sub] = np.tile(_packed(limbs), (layout.blocks, 1))
            yield self.backend.multiply(accounts, self.backend.vector_from_bytes(tiles.tobytes() * layout.block))

    def folded_book(self, books: OpenBooks, rho: Sequence[int], *, gross: bool) -> V:
        """Coefficients of sum_k rho_k C_k's polynomial, or of A_k's."""
        backend = self.backend
        total = backend.constant(0, self.circuit.universe_rows)
        for start in range(0, len(rho), _CHUNK):
            part = np.asarray(books.lots[start : start + _CHUNK], dtype=np.int64)
            part = np.abs(part) if gross else part
            vectors = [backend.vector_from_int64(np.ascontiguousarray(row)) for row in part]
            weights = list(rho[start : start + len(vectors)])
            total = backend.linear_combination([total, *vectors], [1, *weights])
        blinding = books.gross_blinding if gross else books.net_blinding
        tail = sum(weight * scalar for weight, scalar in zip(rho, blinding, strict=True)) % _R
        return backend.interpolate([total], [[tail]])[0]

    # -- the rounds --------------------------------------------------------------------------------------------------

    def prove(
        self,
        statement: BrokerStatement,
        books: OpenBooks,
        digits: Digits,
        options: Options | None = None,
    ) -> bytes:
        """The proof that every account satisfies every equation. Raises UnprovableError when one does not."""
        with self.backend.arena():
            return _Rounds(self, statement, books, digits, options or Options()).run()

    def market(self, weights: LimbWeights) -> tuple[V, V]:
        """Coefficients of P and M: what multiplies q and |q|, all equations together, on the universe's rows."""
        circuit, backend = self.circuit, self.backend
        vectors, nets, grosses = [backend.constant(0, circuit.universe_rows)], [0], [0]
        for (column, mask), (net, gross) in sum_weights(circuit, weights.powers).items():
            rows, values = masked_column(circuit, self.columns, column, mask)
            entries = np.zeros(circuit.universe_rows, dtype=np.int64)
            entries[list(rows)] = values
            vectors.append(backend.vector_from_int64(entries))
            nets.append(net)
            grosses.append(gross)
        parts = [backend.linear_combination(vectors, scalars) for scalars in (nets, grosses)]
        net_part, gross_part = backend.interpolate(parts)
        return net_part, gross_part


class _Rounds(Generic[V, P]):
    """One proof in the making."""

    def __init__(
        self,
        prover: BrokerProver[V, P],
        statement: BrokerStatement,
        books: OpenBooks,
        digits: Digits,
        options: Options,
    ) -> None:
        self.prover = prover
        self.backend = prover.backend
        self.circuit = prover.circuit
        self.layout = prover.layout
        self.books = books
        self.digits = digits
        self.options = options
        self.blinding = options.blinding or Blinding()
        self.report: Callable[[str, float], None] = options.progress or (lambda _name, _fraction: None)
        self.statement = statement
        self.transcript = start_transcript(prover.key, statement)

    def run(self) -> bytes:
        """Rounds 1 to 5."""
        backend, layout = self.backend, self.layout
        rows = layout.rows
        monomial = self.prover.setup.monomial(backend)

        # Round 1: digit columns, multiplicities -> alpha, gamma, x.
        self.report("commit", 0.0)
        on_rows = [self.prover.digit_vector(self.digits, column) for column in range(layout.columns)]
        columns, digit_points = self.committed(on_rows, DIGIT_BLINDING)
        counted = self.prover.multiplicities(on_rows)
        (multiplicities,), (multiplicity_point,) = self.committed([counted], MULTIPLICITY_BLINDING)
        self.transcript.absorb(encode_points([*digit_points, multiplicity_point]))
        alpha, gamma, x = (self.transcript.challenge() for _ in range(3))

        # Round 2: helpers, running sum -> y.
        self.report("lookups and sums", 0.2)
        weights = limb_weights(self.circuit, gamma)
        rho = self.prover.account_weights(x)
        folded = [self.prover.folded_book(self.books, rho, gross=gross) for gross in (False, True)]
        market = self.prover.market(weights)
        constants = [equation_constant(self.circuit, e, self.prover.columns) for e in self.circuit.equations]
        constant = sum(p * c for p, c in zip(weights.powers, constants, strict=True)) * sum(rho) % _R * inverse(rows)
        helper_values = list(self.helper_values(on_rows, counted, alpha))
        step = backend.linear_combination(
            [*helper_values, backend.constant(constant, rows)], [1] * len(helper_values) + [gamma]
        )
        step = backend.linear_combination([step, self.weighted_values(on_rows, weights, x)], [1, gamma])
        step = backend.linear_combination([step, self.market_values(market, folded)], [1, gamma])
        del on_rows
        helpers, helper_points = self.committed(helper_values, HELPER_BLINDING)
        del helper_values
        (phi,), (phi_point,) = self.committed([backend.prefix_sum(step)], RUNNING_SUM_BLINDING)
        self.transcript.absorb(encode_points([*helper_points, phi_point]))
        y = self.transcript.challenge()

        # Round 3: quotient -> zeta.
        self.report("quotient", 0.4)
        table = backend.interpolate([self.prover.table])[0]
        polynomials = _Polynomials(columns, multiplicities, helpers, phi, table, tuple(folded), market)
        at = Challenges(alpha, gamma, x, y, 0, 0, 0)
        quotient = self.quotient(polynomials, weights, constant, at)
        quotient_point = backend.msm(monomial, [quotient])[0]
        self.transcript.absorb(encode_points([quotient_point]))
        zeta = self.transcript.challenge()

        # Round 4: evaluations -> v.
        self.report("evaluations", 0.7)
        w = root_of_unity(rows)
        evaluations = tuple(backend.evaluate([*columns, table], zeta) + backend.evaluate([phi], w * zeta % _R))
        self.transcript.absorb(encode_scalars(evaluations))
        v = self.transcript.challenge()

        # Round 5: opening.
        self.report("opening", 0.8)
        at = Challenges(alpha, gamma, x, y, zeta, v, 0)
        opening, check = self.opened(polynomials, quotient, evaluations, at)
        self.report("done", 1.0)
        return BrokerArgument(
            digits=tuple(digit_points),
            multiplicities=multiplicity_point,
            helpers=tuple(helper_points),
            running_sum=phi_point,
            quotient=quotient_point,
            evaluations=evaluations,
            opening=opening,
            opening_check=check,
        ).encode()

    def opened(
        self, polynomials: _Polynomials[V], quotient: V, evaluations: tuple[int, ...], at: Challenges
    ) -> tuple[G1, G1]:
        """W and W' (SHPLONK, eprint 2020/081). Raises UnprovableError when the linearised polynomial is not zero."""
        backend, rows = self.backend, self.layout.rows
        p, zeta, rotated = polynomials, at.zeta, root_of_unity(rows) * at.zeta % _R
        linear = linearise(self.circuit, self.prover.columns, at, evaluations)
        remainder = backend.linear_combination(
            [*p.helpers, p.multiplicities, p.running_sum, *p.folded, quotient],
            [
                *linear.helpers,
                linear.multiplicities,
                linear.running_sum,
                linear.net,
                linear.gross,
                1 - pow(zeta, rows, _R),
            ],
        )
        if self.options.check and (backend.evaluate([remainder], zeta)[0] + linear.constant) % _R:
            raise UnprovableError("broker: no proof exists: some account does not satisfy the policy's equations")
        powers = [at.v]
        while len(powers) < len(evaluations):
            powers.append(powers[-1] * at.v % _R)
        at_zeta = backend.linear_combination([remainder, *p.digits, p.table], [1, *powers[:-1]])
        at_rotated = backend.scale(p.running_sum, powers[-1])
        divided = [backend.divide_by_linear(at_zeta, zeta), backend.divide_by_linear(at_rotated, rotated)]
        parts = backend.msm(self.prover.setup.monomial(backend), divided)
        opening = opening_of(backend, parts)
        self.transcript.absorb(encode_points([opening]))
        z = self.transcript.challenge()
        check_degenerate(self.circuit, replace(at, z=z))
        return opening, weighted_sum(backend, parts, [inverse(z - zeta), inverse(z - rotated)])

    def committed(self, values: Sequence[V], blinding: int) -> tuple[list[V], list[G1]]:
        """Coefficients and commitments of columns, each with fresh blinding scalars."""
        tails = [self.blinding.draw(blinding) for _ in values]
        points = self.backend.msm(self.prover.basis, values, tails)
        return self.backend.interpolate(values, tails), points

    def helper_values(self, digits: Sequence[V], multiplicities: V, alpha: int) -> Iterator[V]:
        """1 / (alpha + d_1) + 1 / (alpha + d_2) a helper; the last fraction is -m / (alpha + table)."""
        backend = self.backend
        shift = backend.constant(alpha, self.layout.rows)
        minus = backend.scale(multiplicities, -1)
        fractions = [
            backend.batch_inverse(backend.add(each, shift)) for each in digits[: -1 if len(digits) % 2 else None]
        ]
        for first in range(0, len(fractions), 2):
            yield backend.add(fractions[first], fractions[first + 1])
        of_table = backend.multiply(minus, backend.batch_inverse(backend.add(self.prover.table, shift)))
        if len(digits) % 2:
            of_table = backend.add(of_table, backend.batch_inverse(backend.add(digits[-1], shift)))
        yield of_table

    def weighted_values(self, digits: Sequence[V], weights: LimbWeights, x: int) -> V:
        """sum over column groups of W U + V U^2 on the rows."""
        backend, layout = self.backend, self.layout
        total = backend.constant(0, layout.rows)
        squared = self.circuit.squared_groups
        squares = self.prover.weight_columns(weights.squared, x) if squared else iter(())
        for group, linear in enumerate(self.prover.weight_columns(weights.linear, x)):
            limb = self.recomposed(digits[group * layout.digits : (group + 1) * layout.digits])
            factor = linear
            square = next(squares, None)
            if square is not None and group in squared:
                factor = backend.add(factor, backend.multiply(square, limb))
            total = backend.add(total, backend.multiply(factor, limb))
        return total

    def recomposed(self, digits: Sequence[V]) -> V:
        """U = sum of 2^(table_bits d) digit d."""
        return self.backend.linear_combination(digits, [1 << (self.layout.table_bits * d) for d in range(len(digits))])

    def market_values(self, market: tuple[V, V], folded: Sequence[V]) -> V:
        """mask (P Q + M A) on the rows: on the universe's rows their values there, on the others zero."""
        backend, n, rows = self.backend, self.circuit.universe_rows, self.layout.rows
        total = backend.constant(0, n)
        for left, right in zip(market, folded, strict=True):
            # The blinding vanishes on the universe's rows.
            values = backend.evaluate_on_coset([left, right], n, 1)
            total = backend.add(total, backend.multiply(*values))
        spread = np.zeros((n, rows // n, 32), dtype=np.uint8)
        spread[:, 0] = np.frombuffer(backend.to_bytes(total), np.uint8).reshape(n, 32)
        return backend.vector_from_bytes(spread.tobytes())

    def quotient(self, polynomials: _Polynomials[V], weights: LimbWeights, constant: int, at: Challenges) -> V:
        """Coefficients of t = sum_i y^i identity_i / (X^N - 1): 2 N from two cosets, then the few above.

        On the cosets X^N is c and -c, so the remainders are low + c^2 excess + (c, -c) high.
        """
        backend, rows = self.backend, self.layout.rows
        excess = polynomials.excess(backend, self, weights, at)
        remainders = []
        for shift in (GENERATOR, GENERATOR * root_of_unity(2 * rows) % _R):
            numerator = self.numerator(polynomials, weights, constant, at, shift)
            vanishing = inverse(pow(shift, rows, _R) - 1)
            remainders.append(backend.scale(backend.interpolate_on_coset([numerator], shift)[0], vanishing))
        c, half = pow(GENERATOR, rows, _R), inverse(2)
        over = backend.vector(excess)
        low = backend.linear_combination([*remainders, over], [half, half, -c * c % _R])
        high = backend.linear_combination(remainders, [half * inverse(c) % _R, -half * inverse(c) % _R])
        return backend.concatenate([low, high, over])

    def numerator(
        self, polynomials: _Polynomials[V], weights: LimbWeights, constant: int, at: Challenges, shift: int
    ) -> V:
        """sum_i y^i identity_i on shift * H, a column group or a helper at a time."""
        backend, layout = self.backend, self.layout
        rows = layout.rows

        def values(*coefficients: V) -> list[V]:
            return backend.evaluate_on_coset(coefficients, rows, shift)

        alpha = backend.constant(at.alpha, rows)
        total = backend.constant(0, rows)
        helper_sum = backend.constant(0, rows)
        shifted: list[V] = []
        weight, done = 1, 0
        limbs = backend.constant(0, rows)
        squared = self.circuit.squared_groups
        squares = self.prover.weight_columns(weights.squared, at.x) if squared else iter(())
        for group, linear in enumerate(self.prover.weight_columns(weights.linear, at.x)):
            digits = values(*polynomials.digits[group * layout.digits : (group + 1) * layout.digits])
            limb = self.recomposed(digits)
            square = next(squares, None)
            (factor,) = values(*backend.interpolate([linear]))
            if square is not None and group in squared:
                (of_square,) = values(*backend.interpolate([square]))
                factor = backend.add(factor, backend.multiply(of_square, limb))
            limbs = backend.add(limbs, backend.multiply(factor, limb))
            shifted += [backend.add(digit, alpha) for digit in digits]
            while len(shifted) >= 2:
                left, right, *shifted = shifted
                (helper,) = values(polynomials.helpers[done])
                identity = backend.subtract(
                    backend.multiply(helper, backend.multiply(left, right)), backend.add(left, right)
                )
                total = backend.linear_combination([total, identity], [1, weight])
                helper_sum = backend.add(helper_sum, helper)
                weight, done = weight * at.y % _R, done + 1
        helper, table, multiplicities = values(polynomials.helpers[done], polynomials.table, polynomials.multiplicities)
        table = backend.add(table, alpha)
        if shifted:
            left = shifted[0]
            crossed = backend.subtract(backend.multiply(multiplicities, left), table)
            identity = backend.add(backend.multiply(helper, backend.multiply(left, table)), crossed)
        else:
            identity = backend.add(backend.multiply(helper, table), multiplicities)
        total = backend.linear_combination([total, identity], [1, weight])
        helper_sum = backend.add(helper_sum, helper)
        weight = weight * at.y % _R

        phi = values(polynomials.running_sum)[0]
        following = backend.concatenate([backend.slice(phi, 1, rows), backend.slice(phi, 0, 1)])
        growth = backend.linear_combination([following, phi, helper_sum], [1, -1, -1])
        inner = backend.add(limbs, backend.constant(constant, rows))
        mask, *factors = values(self.mask(), *polynomials.market, *polynomials.folded)
        products = backend.add(backend.multiply(factors[0], factors[2]), backend.multiply(factors[1], factors[3]))
        inner = backend.add(inner, backend.multiply(mask, products))
        return backend.linear_combination([total, growth, inner], [1, weight, -weight * at.gamma % _R])

    def mask(self) -> V:
        """Coefficients of (n / N) (X^N - 1) / (X^n - 1) = (n / N) sum of X^(n j): one on the universe's rows."""
        n, rows = self.circuit.universe_rows, self.layout.rows
        spread = np.zeros((rows // n, n, 32), dtype=np.uint8)
        spread[:, 0] = _packed([inverse(rows // n)])[0]
        return self.backend.vector_from_bytes(spread.tobytes())


@dataclass(frozen=True, eq=False)
class _Polynomials(Generic[V]):
    """Coefficients of everything in the identities but the weights."""

    digits: list[V]
    multiplicities: V
    helpers: list[V]
    running_sum: V
    table: V
    folded: tuple[V, ...]
    market: tuple[V, V]

    def excess(
        self, backend: Backend[V, Any], rounds: _Rounds[V, Any], weights: LimbWeights, at: Challenges
    ) -> list[int]:
        """Coefficients of X^(2N), X^(2N+1), ... of t: those of X^(3N), ... of the numerator.

        Only products of three columns reach that high, h d_1 d_2 and V U^2: alpha is no column, and the mask's product
        has degree below 2N. With b blinding scalars at most, a product of three reaches X^(3N + e) for e <= 3 (b - 1),
        and only through coefficients from X^(N - 2 (b - 1)) on.
        """
        layout, rows = rounds.layout, rounds.layout.rows
        below = 2 * (max(map(len, (*self.digits, *self.helpers))) - rows - 1)
        width = below + below // 2 + 1

        def top(vector: V) -> list[int]:
            return (backend.to_ints(backend.slice(vector, rows - below, len(vector))) + [0] * width)[:width]

        total = [0] * width
        digits = [top(vector) for vector in self.digits]
        lookups = [*digits, top(self.table)]
        weight = 1
        for position, helper in enumerate(self.helpers):
            left, right = lookups[2 * position], lookups[2 * position + 1 : 2 * position + 2]
            if right:
                _add_product(total, weight, (top(helper), left, right[0]), below)
            weight = weight * at.y % _R
        squared = rounds.circuit.squared_groups
        if squared:
            for group, square in enumerate(rounds.prover.weight_columns(weights.squared, at.x)):
                if group in squared:
                    own = digits[group * layout.digits : (group + 1) * layout.digits]
                    limb = [
                        sum(digit[e] << (layout.table_bits * d) for d, digit in enumerate(own)) for e in range(width)
                    ]
                    factors = (top(backend.interpolate([square])[0]), limb, limb)
                    _add_product(total, -weight * at.gamma % _R, factors, below)
        return total


def _add_product(total: list[int], weight: int, factors: tuple[list[int], list[int], list[int]], below: int) -> None:
    """Add weight a b c to the coefficients of X^(3N), X^(3N+1), ...; index e of a factor is X^(N - below + e)."""
    left, middle, right = factors
    for i, a in enumerate(left):
        for j, b in enumerate(middle):
            for k, c in enumerate(right):
                e = i + j + k - 3 * below
                if 0 <= e < len(total):
                    total[e] = (total[e] + weight * a % _R * b % _R * c) % _R


def _packed(values: Sequence[int]) -> NDArray[np.uint8]:
    """Canonical integers as (len, 32) little-endian bytes."""
    data = b"".join((value % _R).to_bytes(32, "little") for value in values)
    return np.frombuffer(data, np.uint8).reshape(len(values), 32)
