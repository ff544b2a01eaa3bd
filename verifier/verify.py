"""The verifier, top to bottom, in the order of docs/protocol.md. Pure Python; group operations through an engine.

Every proof reduces to one claim e(A, [1]_2) = e(W', [x]_2), with A a linear combination of points. `verify` checks one
claim, `verify_batch` a random combination of many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from zkmargin.verifier.circuit import Circuit, Evaluation
from zkmargin.verifier.curve import G1, G1_GENERATOR, G2_GENERATOR, INFINITY, GroupEngine, PythonEngine
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.expression import Column, ColumnKind, Query, evaluate
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS, inverse, inverse_of_size, root_of_unity
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.lagrange import public_evaluations
from zkmargin.verifier.proof import Proof, PublicInputs, decode_proof, encode_points
from zkmargin.verifier.srs import SetupKey
from zkmargin.verifier.transcript import Challenges, Transcript

KEY_DOMAIN: Final = b"zkmargin/vk/v1"
BATCH_DOMAIN: Final = b"zkmargin/batch/v1"
_R = SCALAR_MODULUS


@dataclass(frozen=True)
class VerifyingKey:
    """A circuit, the setup it is committed under, and the commitments to its fixed columns."""

    circuit: Circuit
    setup: SetupKey
    fixed: tuple[G1, ...]

    def __post_init__(self) -> None:
        if len(self.fixed) != len(self.circuit.fixed):
            raise FormatError(f"verifying key: expected {len(self.circuit.fixed)} fixed columns, got {len(self.fixed)}")

    @cached_property
    def digest(self) -> bytes:
        """Names circuit and fixed columns; the transcript absorbs it beside the setup's digest."""
        return keccak256(KEY_DOMAIN + self.circuit.digest + encode_points(self.fixed))


@dataclass(frozen=True)
class BatchItem:
    """One proof of a batch: its key, what it is about, its bytes."""

    key: VerifyingKey
    public: PublicInputs
    proof: bytes


def verify(key: VerifyingKey, public: PublicInputs, proof: bytes, engine: GroupEngine | None = None) -> None:
    """Return if `proof` proves `public`; raise ProofRejected if not, FormatError if anything is malformed."""
    engine = engine or PythonEngine()
    evaluation = _reduce(key, public, proof)
    if not _holds(evaluation.points, [(evaluation.opening, 1)], key.setup, engine):
        raise ProofRejected("pairing")


def verify_batch(
    items: Sequence[BatchItem], engine: GroupEngine | None = None
) -> list[ProofRejected | FormatError | None]:
    """One verdict an item, None meaning valid. One pairing check when all hold; else each is checked by itself.

    All keys must share one setup (FormatError otherwise).
    """
    engine = engine or PythonEngine()
    if len({item.key.setup for item in items}) > 1:
        raise FormatError("batch: expected all proofs under one setup")
    verdicts: list[ProofRejected | FormatError | None] = [None] * len(items)
    evaluations: dict[int, PairingCheck] = {}
    for index, item in enumerate(items):
        try:
            evaluations[index] = _reduce(item.key, item.public, item.proof)
        except (ProofRejected, FormatError) as error:
            verdicts[index] = error
    if not evaluations or _all_hold(list(evaluations.values()), items[0].key.setup, engine):
        return verdicts
    for index, evaluation in evaluations.items():
        if not _holds(evaluation.points, [(evaluation.opening, 1)], items[index].key.setup, engine):
            verdicts[index] = ProofRejected("pairing")
    return verdicts


def start_transcript(key: VerifyingKey, public: PublicInputs) -> Transcript:
    """The transcript before the first round: key, setup, and every public input."""
    return Transcript(key.digest + key.setup.digest + public.encode())


def derive_challenges(key: VerifyingKey, public: PublicInputs, proof: Proof) -> tuple[Challenges, bytes]:
    """The challenges of a proof, and 32 bytes that bind the whole of it (for batching)."""
    transcript = start_transcript(key, public)
    transcript.absorb(proof.first_round())
    alpha, gamma = transcript.challenge(), transcript.challenge()
    beta = transcript.challenge() if key.circuit.fractions else 0
    transcript.absorb(proof.second_round())
    y = transcript.challenge()
    transcript.absorb(proof.third_round())
    zeta = transcript.challenge()
    transcript.absorb(proof.fourth_round())
    v = transcript.challenge()
    transcript.absorb(encode_points([proof.opening]))
    z = transcript.challenge()
    transcript.absorb(encode_points([proof.opening_check]))
    return Challenges(alpha, gamma, y, zeta, v, z, beta), transcript.digest()


# -- from a proof to a pairing claim ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class PairingCheck:
    """e(sum_P points[P] P, [1]_2) = e(opening, [x]_2)."""

    points: dict[G1, int]
    opening: G1
    binding: bytes


def _reduce(key: VerifyingKey, public: PublicInputs, data: bytes) -> PairingCheck:
    public.check(key.circuit)
    proof = decode_proof(key.circuit, data)
    at, binding = derive_challenges(key, public, proof)
    return pairing_claim(key, public, proof, at, binding)


def pairing_claim(
    key: VerifyingKey, public: PublicInputs, proof: Proof, at: Challenges, binding: bytes
) -> PairingCheck:
    """What remains to be checked once the challenges are known. Raises ProofRejected for a degenerate challenge."""
    circuit = key.circuit
    w = root_of_unity(circuit.rows)
    zeta_n = pow(at.zeta, circuit.rows, _R)
    if zeta_n == 1:
        raise ProofRejected("zeta lies in the domain")
    if at.z in (at.zeta, w * at.zeta % _R):
        raise ProofRejected("z is a point of evaluation")
    vanishing = zeta_n - 1
    values = dict(zip(circuit.evaluations, proof.evaluations, strict=True))
    linear = linearise(
        circuit, public.scalars, alpha=at.alpha, gamma=at.gamma, beta=at.beta, y=at.y, zeta=at.zeta, values=values
    )

    # SHPLONK (eprint 2020/081), divided by (z - zeta)(z - w zeta): claims at zeta weigh 1 / (z - zeta), those at w zeta
    # 1 / (z - w zeta), and W needs no multiplication.
    from_zeta, from_rotated = at.z - at.zeta, at.z - w * at.zeta
    both = inverse(from_zeta * from_rotated)
    at_zeta, at_rotated = both * from_rotated % _R, both * from_zeta % _R
    points: dict[G1, int] = defaultdict(int)
    points[G1_GENERATOR] += linear.constant * at_zeta
    for symbol, coefficient in linear.coefficients.items():
        for point in _commitments(symbol, key, public, proof):
            points[point] += coefficient * at_zeta
    points[proof.quotient] -= vanishing * at_zeta
    weight = 1
    for evaluation, value in values.items():
        weight = weight * at.v % _R
        scaled = weight * (at_rotated if evaluation.rotation else at_zeta) % _R
        points[G1_GENERATOR] -= scaled * value
        column = evaluation.column
        if column is None:
            points[proof.running_sum] += scaled
        elif column.kind is ColumnKind.WITNESS:
            points[proof.witness[column.index]] += scaled
        elif column.kind is ColumnKind.MARKET:
            points[public.market[column.index]] += scaled
        else:
            points[key.fixed[column.index]] += scaled
    points[proof.opening] -= 1
    points[proof.opening_check] += at.z
    return PairingCheck(dict(points), proof.opening_check, binding)


# -- the linearised constraint polynomial -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Symbol:
    """A committed polynomial that enters the constraints linearly and is not evaluated: 'helper', 'multiplicities',
    'running_sum' of the proof, or a market column, a holding or a fixed column."""

    name: str
    index: int = 0


@dataclass(frozen=True)
class Affine:
    """constant + sum of coefficient * symbol over Fr."""

    constant: int
    coefficients: dict[Symbol, int]

    def scaled(self, factor: int) -> Affine:
        """factor * self."""
        return Affine(self.constant * factor % _R, {s: c * factor % _R for s, c in self.coefficients.items()})

    def plus(self, other: Affine) -> Affine:
        """self + other."""
        if not other.coefficients:
            return Affine((self.constant + other.constant) % _R, self.coefficients)
        merged = dict(self.coefficients)
        for symbol, coefficient in other.coefficients.items():
            merged[symbol] = (merged.get(symbol, 0) + coefficient) % _R
        return Affine((self.constant + other.constant) % _R, merged)


class _AtZeta:
    """Reads a graph at zeta: claimed evaluations are numbers, market columns and holdings stay symbols."""

    def __init__(self, values: dict[Evaluation, int], public: dict[Column, int]) -> None:
        self._values = values
        self._public = public

    def query(self, query: Query) -> Affine:
        if query.column in self._public:
            return Affine(self._public[query.column], {})
        claimed = self._values.get(Evaluation(query.column, query.rotation))
        return Affine(0, {_symbol(query.column): 1}) if claimed is None else Affine(claimed, {})

    def constant(self, value: int) -> Affine:
        return Affine(value, {})

    def add(self, left: Affine, right: Affine) -> Affine:
        return left.plus(right)

    def subtract(self, left: Affine, right: Affine) -> Affine:
        return left.plus(right.scaled(-1))

    def multiply(self, left: Affine, right: Affine) -> Affine:
        # The circuit's rules allow at most one symbolic factor.
        return right.scaled(left.constant) if not left.coefficients else left.scaled(right.constant)


def linearise(
    circuit: Circuit,
    scalars: Sequence[int],
    *,
    alpha: int,
    gamma: int,
    y: int,
    zeta: int,
    values: dict[Evaluation, int],
    beta: int = 0,
) -> Affine:
    """sum_i y^i identity_i at zeta, affine in the polynomials that are not evaluated.

    Order of the identities: the circuit's own, one a helper of the range argument, one a helper of the fraction sums,
    the running sum's.
    """
    public = public_evaluations(circuit, zeta)
    nodes = evaluate(circuit.nodes, _AtZeta(values, public))
    terms = [nodes[identity.node] for identity in circuit.identities]
    terms += _helper_identities(circuit, alpha, values, nodes)
    terms += _fraction_identities(circuit, alpha, beta, gamma, nodes)
    terms.append(_running_sum_identity(circuit, scalars, gamma, values, nodes, public))
    constant, coefficients, weight = 0, defaultdict[Symbol, int](int), 1
    for term in terms:
        constant += weight * term.constant
        for symbol, coefficient in term.coefficients.items():
            coefficients[symbol] += weight * coefficient
        weight = weight * y % _R
    return Affine(constant % _R, {s: c % _R for s, c in coefficients.items()})


def _helper_identities(
    circuit: Circuit, alpha: int, values: dict[Evaluation, int], nodes: Sequence[Affine]
) -> list[Affine]:
    """h prod_i d_i - sum_i numerator_i prod_{j != i} d_j, d = alpha + looked-up value; the table's numerator is -m."""
    identities = []
    for index, (group, with_table) in enumerate(circuit.helper_groups()):
        denominators = [alpha + nodes[lookup.node].constant for lookup in group]
        if with_table:
            denominators.append(alpha + values[Evaluation(circuit.table, 0)])
        product = 1
        for denominator in denominators:
            product = product * denominator % _R
        constant, coefficients = 0, {Symbol("helper", index): product}
        for position in range(len(denominators)):
            others = 1
            for other, denominator in enumerate(denominators):
                others = others * denominator % _R if other != position else others
            if with_table and position == len(denominators) - 1:
                coefficients[Symbol("multiplicities")] = others
            else:
                constant -= others
        identities.append(Affine(constant % _R, coefficients))
    return identities


def _fraction_identities(circuit: Circuit, alpha: int, beta: int, gamma: int, nodes: Sequence[Affine]) -> list[Affine]:
    """h prod_i d_i - sum_i weight_i numerator_i prod_{j != i} d_j, d = alpha + sum_k beta^k part_k."""
    weights = circuit.fraction_weights(gamma)
    identities = []
    for index, group in enumerate(circuit.fraction_groups(), circuit.range_helpers):
        denominators = [
            (alpha + sum(pow(beta, k, _R) * nodes[part].constant for k, part in enumerate(fraction.denominator))) % _R
            for _, fraction in group
        ]
        product = 1
        for denominator in denominators:
            product = product * denominator % _R
        identity = Affine(0, {Symbol("helper", index): product})
        for position, (total, fraction) in enumerate(group):
            others = -weights[total]
            for other, denominator in enumerate(denominators):
                others = others * denominator % _R if other != position else others
            identity = identity.plus(nodes[fraction.numerator].scaled(others))
        identities.append(identity)
    return identities


def _running_sum_identity(
    circuit: Circuit,
    scalars: Sequence[int],
    gamma: int,
    values: dict[Evaluation, int],
    nodes: Sequence[Affine],
    public: dict[Column, int],
) -> Affine:
    """phi(w X) - phi(X) - sum of helpers - sum_j gamma^(j+1) (terms of sum j - its right side / n)."""
    constant = values[Evaluation(None, 1)]
    coefficients: dict[Symbol, int] = defaultdict(int)
    coefficients[Symbol("running_sum")] = -1
    for index in range(circuit.helpers):
        coefficients[Symbol("helper", index)] -= 1
    weight, right_sides, by_column = 1, 0, defaultdict[Column, int](int)
    for total in circuit.sums:
        weight = weight * gamma % _R
        right = total.constant + sum(coefficient * scalars[index] for index, coefficient in total.scalars)
        right_sides += weight * right
        for term in total.terms:
            factor = term.coefficient * weight
            if term.weight is not None:
                factor = factor * nodes[term.weight].constant % _R
            if term.public is None:
                constant -= factor
            elif (value := public.get(term.public)) is not None:
                constant -= factor * value
            else:
                by_column[term.public] += factor
    constant += right_sides % _R * inverse_of_size(circuit.rows)
    coefficients |= {_symbol(column): -factor for column, factor in by_column.items()}
    return Affine(constant % _R, {symbol: coefficient % _R for symbol, coefficient in coefficients.items()})


def _symbol(column: Column) -> Symbol:
    return Symbol(column.kind.value, column.index)


def _commitments(symbol: Symbol, key: VerifyingKey, public: PublicInputs, proof: Proof) -> tuple[G1, ...]:
    """The points that add up to a symbol's commitment: one, or of a holding one a venue."""
    if symbol.name == ColumnKind.HOLDING:
        return public.holdings[symbol.index]
    points = {
        "helper": proof.helpers,
        "multiplicities": proof.multiplicities,
        "running_sum": (proof.running_sum,),
        ColumnKind.MARKET.value: public.market,
        ColumnKind.FIXED.value: key.fixed,
    }
    return (points[symbol.name][symbol.index],)


# -- pairing claims ---------------------------------------------------------------------------------------------------


def _holds(points: dict[G1, int], openings: Sequence[tuple[G1, int]], setup: SetupKey, engine: GroupEngine) -> bool:
    terms = [(point, scalar % _R) for point, scalar in points.items() if point != INFINITY and scalar % _R]
    left = engine.combine([point for point, _ in terms], [scalar for _, scalar in terms])
    if len(openings) == 1 and openings[0][1] == 1:
        right = openings[0][0]
    else:
        right = engine.combine([point for point, _ in openings], [scalar for _, scalar in openings])
    return engine.pairing_product_is_one([(left, G2_GENERATOR), (_negated(right), setup.g2_x)])


def _all_hold(evaluations: Sequence[PairingCheck], setup: SetupKey, engine: GroupEngine) -> bool:
    """One check of sum_i beta^i claim_i, beta drawn after every byte of every proof and statement is fixed."""
    digest = keccak256(BATCH_DOMAIN + b"".join(evaluation.binding for evaluation in evaluations))
    beta = int.from_bytes(digest, "big") % _R
    points: dict[G1, int] = defaultdict(int)
    openings = []
    weight = 1
    for evaluation in evaluations:
        for point, scalar in evaluation.points.items():
            points[point] = (points[point] + weight * scalar) % _R
        openings.append((evaluation.opening, weight))
        weight = weight * beta % _R
    return _holds(points, openings, setup, engine)


def _negated(point: G1) -> G1:
    return point if point == INFINITY else G1(point.x, BASE_MODULUS - point.y)
