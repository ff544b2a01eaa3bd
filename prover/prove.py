"""The prover: the rounds of docs/protocol.md in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zkmargin.prover.assignment import Assignment, PublicColumns
from zkmargin.prover.check import failing_constraints
from zkmargin.prover.columns import Columns
from zkmargin.prover.errors import Failure, UnsatisfiedError
from zkmargin.prover.kernels.interface import P, V
from zkmargin.prover.key import ProvingKey
from zkmargin.prover.randomness import Blinding
from zkmargin.prover.rounds import opening as openings
from zkmargin.prover.rounds.columns import BlindedColumn, blinded_coefficients, commit_columns
from zkmargin.prover.rounds.lookups import MULTIPLICITIES, fraction_numbers, helper_columns
from zkmargin.prover.rounds.quotient import quotient
from zkmargin.prover.rounds.running_sum import RUNNING_SUM, numbers, public_factors, running_sum
from zkmargin.prover.tape import Key
from zkmargin.verifier.circuit import Circuit
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.expression import Column, ColumnKind
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.proof import Proof, PublicInputs, encode_points
from zkmargin.verifier.transcript import Transcript
from zkmargin.verifier.verify import Symbol, linearise, start_transcript

Progress = Callable[[str, float], None]
"""Called with a round's name and the fraction of rounds done."""


@dataclass(frozen=True)
class Options:
    """check: refuse an assignment that breaks a constraint (tests switch it off to see the verifier refuse).

    blinding: where blinding scalars come from; None means the operating system, fresh for this proof.
    """

    check: bool = True
    blinding: Blinding | None = None
    progress: Progress | None = None


def prove(
    key: ProvingKey[V, P], public: PublicInputs, assignment: Assignment[V], options: Options | None = None
) -> bytes:
    """A proof's bytes. Raises UnsatisfiedError naming the broken constraints, FormatError for malformed inputs.

    Zero knowledge: two calls with the same arguments give unrelated proofs.
    """
    with key.backend.arena():
        return _rounds(key, public, assignment, options or Options())


def _rounds(key: ProvingKey[V, P], public: PublicInputs, assignment: Assignment[V], options: Options) -> bytes:
    blinding = options.blinding or Blinding()
    report = options.progress or (lambda _name, _fraction: None)
    backend, circuit = key.backend, key.circuit
    public.check(circuit)
    _check_shapes(circuit, assignment)

    # Round 1: columns, multiplicities -> alpha, gamma.
    report("commit", 0.0)
    columns = [
        BlindedColumn(values, tuple(blinding.draw(circuit.blinding(index))))
        for index, values in enumerate(assignment.witness)
    ]
    if assignment.multiplicities is not None:
        drawn = tuple(blinding.draw(Circuit.MULTIPLICITY_BLINDING))
        columns.append(BlindedColumn(assignment.multiplicities, drawn))
    committed = commit_columns(backend, key.lagrange, columns)
    witness_points = committed[: len(circuit.witness)]
    multiplicity_points = committed[len(circuit.witness) :]
    transcript = start_transcript(key.verifying, public)
    transcript.absorb(encode_points(committed))
    alpha, gamma = transcript.challenge(), transcript.challenge()
    beta = transcript.challenge() if circuit.fractions else 0

    # Round 2: helpers and running sum -> y.
    report("lookups and sums", 0.2)
    on_domain = domain_columns(key, assignment)
    sum_values = numbers(circuit, key.sum_tapes, public.scalars, gamma)
    fraction_values = fraction_numbers(circuit, beta, gamma)
    helpers = helper_columns(backend, key.helper_tapes, on_domain, alpha, fraction_values)
    on_domain |= {Symbol("helper", index): helper for index, helper in enumerate(helpers)}
    factors = public_factors(backend, circuit, key.sum_tapes, on_domain, gamma)
    phi = running_sum(backend, key.sum_tapes, on_domain | factors, sum_values)
    second = [BlindedColumn(helper, tuple(blinding.draw(Circuit.HELPER_BLINDING))) for helper in helpers]
    second.append(BlindedColumn(phi, tuple(blinding.draw(Circuit.RUNNING_SUM_BLINDING))))
    *helper_points, running_sum_point = commit_columns(backend, key.lagrange, second)
    transcript.absorb(encode_points([*helper_points, running_sum_point]))
    y = transcript.challenge()

    # Round 3: quotient -> zeta.
    report("quotient", 0.4)
    coefficients = blinded_polynomials(key, assignment, columns, second)
    coefficients |= dict(zip(factors, backend.interpolate(list(factors.values())), strict=True)) if factors else {}
    known, named = public_columns(key, assignment), {"alpha": alpha, "y": y, **sum_values, **fraction_values}
    divided = quotient(backend, circuit, key.quotient_tape, coefficients, known, named)
    quotient_point = backend.msm(key.monomial, [divided])[0]
    transcript.absorb(encode_points([quotient_point]))
    zeta = transcript.challenge()

    # Round 4: evaluations -> v.
    report("evaluations", 0.7)
    values = openings.evaluations(backend, circuit, coefficients, zeta)
    transcript.absorb(b"".join(value.to_bytes(32, "big") for value in values.values()))
    v = transcript.challenge()

    # Round 5: openings.
    report("opening", 0.8)
    zeta_n = pow(zeta, circuit.rows, SCALAR_MODULUS)
    linear = linearise(circuit, public.scalars, alpha=alpha, gamma=gamma, beta=beta, y=y, zeta=zeta, values=values)
    remainder = openings.linearised(backend, coefficients, divided, linear, zeta_n)
    if options.check and (backend.evaluate([remainder], zeta)[0] + linear.constant) % SCALAR_MODULUS:
        columns_on_domain = domain_columns(key, assignment)
        failures = failing_constraints(backend, circuit, columns_on_domain, public.scalars)
        raise UnsatisfiedError(failures or [Failure(MULTIPLICITIES.name, None)])
    batch = openings.combine_claims(backend, circuit, coefficients, remainder, v)
    parts = openings.open_claims(backend, key.monomial, circuit.rows, batch, zeta)
    opening_point = openings.opening_of(backend, parts)
    transcript.absorb(encode_points([opening_point]))
    z = transcript.challenge()
    check_point = openings.check_of(backend, parts, circuit.rows, zeta, z)
    report("done", 1.0)
    return Proof(
        witness=witness_points,
        multiplicities=multiplicity_points,
        helpers=tuple(helper_points),
        running_sum=running_sum_point,
        quotient=quotient_point,
        evaluations=tuple(values.values()),
        opening=opening_point,
        opening_check=check_point,
    ).encode()


def _check_shapes(circuit: Circuit, assignment: Assignment[V]) -> None:
    columns = [*assignment.witness, *(h.values for h in assignment.holdings), *assignment.market.values]
    if assignment.multiplicities is not None:
        columns.append(assignment.multiplicities)
    expected = len(circuit.witness), len(circuit.holdings), len(circuit.market), bool(circuit.lookups)
    got = (
        len(assignment.witness),
        len(assignment.holdings),
        len(assignment.market.values),
        assignment.multiplicities is not None,
    )
    if got != expected or any(len(column) != circuit.rows for column in columns):
        raise FormatError(f"assignment: expected the columns of circuit {circuit.name}, {circuit.rows} rows each")


def public_columns(key: ProvingKey[V, P], assignment: Assignment[V]) -> dict[ColumnKind, PublicColumns[V]]:
    """Every public column of the circuit, by kind."""
    return {**key.public, ColumnKind.MARKET: assignment.market}


def domain_columns(key: ProvingKey[V, P], assignment: Assignment[V]) -> Columns[V]:
    """Every column of the circuit on H, by name."""
    named = Columns({kind: columns.values for kind, columns in public_columns(key, assignment).items()})
    named |= {Column(ColumnKind.HOLDING, index): holding.values for index, holding in enumerate(assignment.holdings)}
    named |= {Column(ColumnKind.WITNESS, index): column for index, column in enumerate(assignment.witness)}
    if assignment.multiplicities is not None:
        named[MULTIPLICITIES] = assignment.multiplicities
    return named


def blinded_polynomials(
    key: ProvingKey[V, P],
    assignment: Assignment[V],
    first: list[BlindedColumn[V]],
    second: list[BlindedColumn[V]],
) -> Columns[V]:
    """Every polynomial of the proof but the quotient, blinded where it is secret, by name."""
    holdings = [BlindedColumn(opening.values, (opening.blinding,)) for opening in assignment.holdings]
    blinded = blinded_coefficients(key.backend, [*holdings, *first, *second])
    names: list[Key] = [Column(ColumnKind.HOLDING, index) for index in range(len(holdings))]
    names += [Column(ColumnKind.WITNESS, index) for index in range(len(assignment.witness))]
    names += [MULTIPLICITIES] if assignment.multiplicities is not None else []
    names += [Symbol("helper", index) for index in range(len(second) - 1)]
    names.append(RUNNING_SUM)
    named = Columns({kind: columns.coefficients for kind, columns in public_columns(key, assignment).items()})
    named.update(zip(names, blinded, strict=True))
    return named


__all__ = ["Options", "Progress", "Transcript", "blinded_polynomials", "domain_columns", "prove"]
