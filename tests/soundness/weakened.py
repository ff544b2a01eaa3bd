"""Weakened variants of the protocol, and a prover that cheats in them.

A variant is an order of challenges: a function from key, public inputs and proof to the challenges, like the
verifier's own `derive_challenges`. `accepts` is the verifier's own equation under such an order. `Cheat` is the prover
cut into steps: it runs the real rounds, leaves their order to the attack, and takes every challenge from the variant,
as far as what has been sent so far decides it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from support.backends import fastest_engine
from support.statements import Statement

from zkmargin.prover.prove import blinded_polynomials, domain_columns, public_columns
from zkmargin.prover.randomness import Blinding
from zkmargin.prover.rounds import opening as openings
from zkmargin.prover.rounds.columns import BlindedColumn, commit_columns
from zkmargin.prover.rounds.lookups import fraction_numbers, helper_columns
from zkmargin.prover.rounds.quotient import quotient
from zkmargin.prover.rounds.running_sum import numbers, public_factors, running_sum
from zkmargin.verifier.circuit import Circuit, Evaluation
from zkmargin.verifier.curve import G1, G1_GENERATOR, G2_GENERATOR
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS, inverse, root_of_unity
from zkmargin.verifier.proof import Proof, PublicInputs, encode_points
from zkmargin.verifier.transcript import Challenges, Transcript
from zkmargin.verifier.verify import (
    Affine,
    Symbol,
    VerifyingKey,
    derive_challenges,
    linearise,
    pairing_claim,
    start_transcript,
)

R = SCALAR_MODULUS

Variant = Callable[[VerifyingKey, PublicInputs, Proof], Challenges]
"""An order in which challenges are drawn."""


# -- the real order, and orders with one mistake each ------------------------------------------------------------------


def real(key: VerifyingKey, public: PublicInputs, proof: Proof) -> Challenges:
    """The verifier's own order."""
    return derive_challenges(key, public, proof)[0]


def alpha_before_multiplicities(key: VerifyingKey, public: PublicInputs, proof: Proof) -> Challenges:
    """The multiplicities are committed with the helpers, when alpha is known."""
    transcript = start_transcript(key, public)
    transcript.absorb(encode_points(proof.witness))
    alpha, gamma = transcript.challenge(), transcript.challenge()
    transcript.absorb(encode_points(proof.multiplicities))
    return _later_rounds(transcript, proof, alpha, gamma)


def gamma_before_witness(key: VerifyingKey, public: PublicInputs, proof: Proof) -> Challenges:
    """The weights of the sums are known before the columns that they weigh."""
    transcript = start_transcript(key, public)
    gamma = transcript.challenge()
    transcript.absorb(proof.first_round())
    return _later_rounds(transcript, proof, transcript.challenge(), gamma)


def beta_before_witness(key: VerifyingKey, public: PublicInputs, proof: Proof) -> Challenges:
    """What joins the parts of a key of a fraction sum is known before the columns that the keys are made of."""
    transcript = start_transcript(key, public)
    beta = transcript.challenge()
    transcript.absorb(proof.first_round())
    return replace(_later_rounds(transcript, proof, transcript.challenge(), transcript.challenge()), beta=beta)


def y_before_helpers(key: VerifyingKey, public: PublicInputs, proof: Proof) -> Challenges:
    """The weights of the identities are known before helpers and running sum."""
    transcript = start_transcript(key, public)
    transcript.absorb(proof.first_round())
    alpha, gamma, y = (transcript.challenge() for _ in range(3))
    transcript.absorb(proof.second_round() + proof.third_round())
    return _last_rounds(transcript, proof, alpha, gamma, y, transcript.challenge())


def zeta_before_quotient(key: VerifyingKey, public: PublicInputs, proof: Proof) -> Challenges:
    """The point of evaluation is known before the quotient."""
    transcript = start_transcript(key, public)
    transcript.absorb(proof.first_round())
    alpha, gamma = transcript.challenge(), transcript.challenge()
    transcript.absorb(proof.second_round())
    y, zeta = transcript.challenge(), transcript.challenge()
    transcript.absorb(proof.third_round())
    return _last_rounds(transcript, proof, alpha, gamma, y, zeta)


def v_before_evaluations(key: VerifyingKey, public: PublicInputs, proof: Proof) -> Challenges:
    """The weights of the claims are known before the claimed values."""
    challenges = real(key, public, replace(proof, evaluations=()))
    transcript = Transcript(b"".join(value.to_bytes(32, "big") for value in (challenges.v, *proof.evaluations)))
    transcript.absorb(encode_points([proof.opening]))
    return replace(challenges, z=transcript.challenge())


def z_before_opening(key: VerifyingKey, public: PublicInputs, proof: Proof) -> Challenges:
    """The point at which the batched claim is tested is known before W."""
    return real(key, public, replace(proof, opening=G1_GENERATOR))


def statement_not_absorbed(key: VerifyingKey, public: PublicInputs, proof: Proof) -> Challenges:
    """Weak Fiat-Shamir: challenges depend on the key and the proof, not on what is claimed."""
    transcript = Transcript(key.digest + key.setup.digest)
    transcript.absorb(proof.first_round())
    return _later_rounds(transcript, proof, transcript.challenge(), transcript.challenge())


def _later_rounds(transcript: Transcript, proof: Proof, alpha: int, gamma: int) -> Challenges:
    transcript.absorb(proof.second_round())
    y = transcript.challenge()
    transcript.absorb(proof.third_round())
    return _last_rounds(transcript, proof, alpha, gamma, y, transcript.challenge())


def _last_rounds(transcript: Transcript, proof: Proof, alpha: int, gamma: int, y: int, zeta: int) -> Challenges:
    transcript.absorb(proof.fourth_round())
    v = transcript.challenge()
    transcript.absorb(encode_points([proof.opening]))
    return Challenges(alpha, gamma, y, zeta, v, transcript.challenge())


# -- the verifier of a variant -----------------------------------------------------------------------------------------


def accepts(variant: Variant, key: VerifyingKey, public: PublicInputs, proof: Proof) -> bool:
    """Whether the verifier's equation holds for the variant's challenges. Public inputs are not checked."""
    evaluation = pairing_claim(key, public, proof, variant(key, public, proof), b"")
    engine = fastest_engine()
    left = engine.combine(list(evaluation.points), list(evaluation.points.values()))
    right = G1(evaluation.opening.x, BASE_MODULUS - evaluation.opening.y)
    return engine.pairing_product_is_one([(left, G2_GENERATOR), (right, key.setup.g2_x)])


# -- the prover of a variant -------------------------------------------------------------------------------------------


class Cheat:
    """A prover in steps. Points that have not been sent yet stand as the generator, evaluations as zero.

    An attack may replace `statement` (columns, multiplicities, public inputs) between steps, and any part of `proof`.
    """

    def __init__(self, statement: Statement, variant: Variant = real) -> None:
        self.statement = statement
        self.variant = variant
        self.blinding = Blinding()
        circuit = statement.circuit
        self.proof = Proof(
            witness=(G1_GENERATOR,) * len(circuit.witness),
            multiplicities=(G1_GENERATOR,) * bool(circuit.lookups),
            helpers=(G1_GENERATOR,) * circuit.helpers,
            running_sum=G1_GENERATOR,
            quotient=G1_GENERATOR,
            evaluations=(0,) * len(circuit.evaluations),
            opening=G1_GENERATOR,
            opening_check=G1_GENERATOR,
        )
        self.helpers: list[Any] = []
        self.factors: dict[Any, Any] = {}
        self.numbers: dict[str, int] = {}
        self.running_sum: Any = None
        self.values: dict[Evaluation, int] = {}

    @property
    def circuit(self) -> Circuit:
        """The statement's circuit."""
        return self.statement.circuit

    @property
    def challenges(self) -> Challenges:
        """The variant's challenges, as far as the proof decides them."""
        return self.variant(self.statement.verifying, self.statement.public, self.proof)

    def accepted(self) -> bool:
        """Whether the variant's verifier accepts the proof."""
        return accepts(self.variant, self.statement.verifying, self.statement.public, self.proof)

    # -- rounds --------------------------------------------------------------------------------------------------------

    def commit_columns(self) -> None:
        """Round 1 but for the multiplicities."""
        key, blinding = self.statement.key, self.blinding
        self._columns = [
            BlindedColumn(values, tuple(blinding.draw(self.circuit.blinding(index))))
            for index, values in enumerate(self.statement.assignment.witness)
        ]
        self.proof = replace(self.proof, witness=commit_columns(key.backend, key.lagrange, self._columns))

    def commit_multiplicities(self) -> None:
        """The rest of round 1."""
        key = self.statement.key
        drawn = tuple(self.blinding.draw(Circuit.MULTIPLICITY_BLINDING))
        self._multiplicities = BlindedColumn(self.statement.assignment.multiplicities, drawn)
        points = commit_columns(key.backend, key.lagrange, [self._multiplicities])
        self.proof = replace(self.proof, multiplicities=points)

    def compute_helpers(self) -> None:
        """Round 2: the helpers' values on the domain."""
        key = self.statement.key
        columns = domain_columns(key, self.statement.assignment)
        at = self.challenges
        self.numbers = fraction_numbers(self.circuit, at.beta, at.gamma)
        self.helpers = helper_columns(key.backend, key.helper_tapes, columns, at.alpha, self.numbers)

    def compute_running_sum(self) -> None:
        """Round 2: the running sum's values on the domain, from the helpers as they stand."""
        key, circuit = self.statement.key, self.circuit
        columns = domain_columns(key, self.statement.assignment)
        columns |= {Symbol("helper", index): helper for index, helper in enumerate(self.helpers)}
        gamma = self.challenges.gamma
        self.numbers |= numbers(circuit, key.sum_tapes, self.statement.public.scalars, gamma)
        self.factors = public_factors(key.backend, circuit, key.sum_tapes, columns, gamma)
        self.running_sum = running_sum(key.backend, key.sum_tapes, columns | self.factors, self.numbers)

    def commit_helpers(self) -> None:
        """Round 2: commitments."""
        key, blinding = self.statement.key, self.blinding
        self._second = [BlindedColumn(h, tuple(blinding.draw(Circuit.HELPER_BLINDING))) for h in self.helpers]
        self._second.append(BlindedColumn(self.running_sum, tuple(blinding.draw(Circuit.RUNNING_SUM_BLINDING))))
        *helpers, last = commit_columns(key.backend, key.lagrange, self._second)
        self.proof = replace(self.proof, helpers=tuple(helpers), running_sum=last)

    def compute_polynomials(self) -> None:
        """Round 3: every polynomial that the quotient is made of."""
        key, backend = self.statement.key, self.statement.backend
        first = [*self._columns, self._multiplicities] if self.circuit.lookups else self._columns
        self.polynomials = blinded_polynomials(key, self.statement.assignment, first, self._second)
        if self.factors:
            interpolated = backend.interpolate(list(self.factors.values()))
            self.polynomials |= dict(zip(self.factors, interpolated, strict=True))

    def compute_quotient(self) -> None:
        """Round 3: for columns that break a constraint, some polynomial."""
        key, backend, at = self.statement.key, self.statement.backend, self.challenges
        public = public_columns(key, self.statement.assignment)
        values = {"alpha": at.alpha, "y": at.y, **self.numbers}
        self.quotient = quotient(backend, self.circuit, key.quotient_tape, self.polynomials, public, values)

    def commit_quotient(self) -> None:
        """Round 3: its commitment."""
        key = self.statement.key
        self.proof = replace(self.proof, quotient=key.backend.msm(key.monomial, [self.quotient])[0])

    def evaluate(self) -> None:
        """Round 4."""
        self.values = openings.evaluations(self.statement.backend, self.circuit, self.polynomials, self.challenges.zeta)
        self.proof = replace(self.proof, evaluations=tuple(self.values.values()))

    def open(self) -> None:
        """Round 5. What the claims leave over is dropped, as if they held."""
        key, at = self.statement.key, self.challenges
        batch = self._batch()
        parts = openings.open_claims(key.backend, key.monomial, self.circuit.rows, batch, at.zeta)
        self.proof = replace(self.proof, opening=openings.opening_of(key.backend, parts))
        check = openings.check_of(key.backend, parts, self.circuit.rows, at.zeta, self.challenges.z)
        self.proof = replace(self.proof, opening_check=check)

    def run(self) -> Cheat:
        """Every step in the protocol's order."""
        self.commit_columns()
        if self.circuit.lookups:
            self.commit_multiplicities()
        return self.run_from_round_two()

    def run_from_round_two(self) -> Cheat:
        """Every step after round 1."""
        self.compute_helpers()
        self.compute_running_sum()
        self.commit_helpers()
        self.compute_polynomials()
        self.compute_quotient()
        self.commit_quotient()
        self.evaluate()
        self.open()
        return self

    # -- what attacks look at ------------------------------------------------------------------------------------------

    def linear(self, values: dict[Evaluation, int] | None = None) -> Affine:
        """The verifier's linearised constraint, for the claimed values or others."""
        at = self.challenges
        return linearise(
            self.circuit,
            self.statement.public.scalars,
            alpha=at.alpha,
            gamma=at.gamma,
            beta=at.beta,
            y=at.y,
            zeta=at.zeta,
            values=values or self.values,
        )

    def linearised(self, linear: Affine) -> Any:
        """The coefficients of the linearised polynomial without its constant."""
        zeta_n = pow(self.challenges.zeta, self.circuit.rows, R)
        return openings.linearised(self.statement.backend, self.polynomials, self.quotient, linear, zeta_n)

    def residual(self, values: dict[Evaluation, int] | None = None) -> int:
        """The linearised constraint at zeta: zero when it holds."""
        linear = self.linear(values)
        remainder = self.linearised(linear)
        return (self.statement.backend.evaluate([remainder], self.challenges.zeta)[0] + linear.constant) % R

    def shift_quotient(self, by: int) -> None:
        """Add a constant to the quotient."""
        backend = self.statement.backend
        self.quotient = backend.linear_combination([self.quotient, backend.vector([by])], [1, 1])
        self.commit_quotient()

    def evaluation(self, evaluation: Evaluation, value: int) -> None:
        """Claim another value."""
        self.values[evaluation] = value % R
        self.proof = replace(self.proof, evaluations=tuple(self.values.values()))

    def open_anything(self) -> None:
        """Choose W after z: W(X) constant, such that the batched claim holds at z whatever was claimed."""
        key, backend, at = self.statement.key, self.statement.backend, self.challenges
        batch = self._batch()
        scales = [inverse(at.z - at.zeta), inverse(at.z - root_of_unity(self.circuit.rows) * at.zeta)]
        combined = backend.linear_combination([batch.at_zeta, batch.at_rotated], scales)
        constant, weight = self.linear().constant * scales[0], 1
        for evaluation, value in self.values.items():
            weight = weight * at.v % R
            constant -= weight * scales[evaluation.rotation] * value
        opening = (backend.evaluate([combined], at.z)[0] + constant) % R
        points = backend.msm(key.monomial, [backend.vector([opening]), backend.divide_by_linear(combined, at.z)])
        self.proof = replace(self.proof, opening=points[0], opening_check=points[1])

    def _batch(self) -> Any:
        remainder = self.linearised(self.linear())
        return openings.combine_claims(
            self.statement.backend, self.circuit, self.polynomials, remainder, self.challenges.v
        )


__all__ = [
    "Cheat",
    "Variant",
    "accepts",
    "alpha_before_multiplicities",
    "beta_before_witness",
    "gamma_before_witness",
    "real",
    "statement_not_absorbed",
    "v_before_evaluations",
    "y_before_helpers",
    "z_before_opening",
    "zeta_before_quotient",
]
