"""A simulator: accepting proofs from the trapdoor, without a witness.

It needs no power over the random oracle: every challenge is the transcript's own. So proofs reveal nothing that their
statement does not, and whoever knows tau can prove anything.
"""

from __future__ import annotations

import secrets
from dataclasses import replace

from support.backends import fastest_engine
from support.setup import TAU
from support.statements import Statement

from zkmargin.verifier.circuit import Evaluation
from zkmargin.verifier.curve import G1, G1_GENERATOR
from zkmargin.verifier.expression import ColumnKind
from zkmargin.verifier.field import SCALAR_MODULUS, inverse
from zkmargin.verifier.proof import Proof
from zkmargin.verifier.transcript import Challenges
from zkmargin.verifier.verify import derive_challenges, pairing_claim

R = SCALAR_MODULUS


def random_point() -> G1:
    """A uniform point."""
    return fastest_engine().combine([G1_GENERATOR], [secrets.randbelow(R)])


def random_points(count: int) -> tuple[G1, ...]:
    """Uniform points."""
    return tuple(random_point() for _ in range(count))


def simulate(statement: Statement) -> bytes:
    """A proof of `statement`, from its public inputs, the public columns and tau alone.

    Everything that a prover blinds is uniform. Claims of public columns are true. W is what the other elements
    determine it to be in an honest proof, and W' what the verifier's equation asks for.
    """
    circuit = statement.circuit
    proof = Proof(
        witness=random_points(len(circuit.witness)),
        multiplicities=random_points(int(bool(circuit.lookups))),
        helpers=random_points(circuit.helpers),
        running_sum=random_point(),
        quotient=random_point(),
        evaluations=(0,) * len(circuit.evaluations),
        opening=random_point(),
        opening_check=random_point(),
    )
    zeta = _challenges(statement, proof).zeta
    proof = replace(
        proof, evaluations=tuple(_claimed(statement, evaluation, zeta) for evaluation in circuit.evaluations)
    )
    # The equation says: all else - W = (tau - z) W'. At z = tau it has no W' and gives W.
    at_tau = replace(_challenges(statement, proof), z=TAU)
    proof = replace(proof, opening=_all_else(statement, proof, at_tau))
    at = _challenges(statement, proof)
    rest = fastest_engine().combine([_all_else(statement, proof, at), proof.opening], [1, -1])
    return replace(proof, opening_check=fastest_engine().combine([rest], [inverse(TAU - at.z)])).encode()


def _challenges(statement: Statement, proof: Proof) -> Challenges:
    return derive_challenges(statement.verifying, statement.public, proof)[0]


def _claimed(statement: Statement, evaluation: Evaluation, zeta: int) -> int:
    """A claim: true for a public column, uniform for a private one."""
    column = evaluation.column
    if column is None or column.kind is ColumnKind.WITNESS:
        return secrets.randbelow(R)
    public = statement.key.fixed if column.kind is ColumnKind.FIXED else statement.assignment.market
    return statement.backend.evaluate([public.coefficients[column.index]], zeta)[0]


def _all_else(statement: Statement, proof: Proof, at: Challenges) -> G1:
    """The verifier's combination of everything but W and W'."""
    points = dict(pairing_claim(statement.verifying, statement.public, proof, at, b"").points)
    del points[proof.opening], points[proof.opening_check]
    return fastest_engine().combine(list(points), list(points.values()))
