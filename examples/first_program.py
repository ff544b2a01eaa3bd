"""A first program: an account at two venues proves that it is worth at least a public amount, and not how much.

Run it with `python examples/first_program.py`; docs/language.md explains it line by line.
"""

from __future__ import annotations

import secrets

from zkmargin.circuits.language import (
    Holding,
    Inputs,
    Program,
    WitnessRangeError,
    check_constraints,
    compile_program,
)
from zkmargin.circuits.language.profile import profile
from zkmargin.circuits.language.witness import generate_witness, vector_of
from zkmargin.prover.assignment import PublicColumns
from zkmargin.prover.commitments import commit
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.key import make_proving_key
from zkmargin.prover.prove import prove
from zkmargin.prover.setup import development_setup
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.proof import PublicInputs
from zkmargin.verifier.verify import verify

ROWS = 64


def worth_at_least(program: Program) -> None:
    """sum of quantity * price - |quantity| * charge >= required; rows are instruments."""
    net = program.holding("net")
    price = program.market("price_usd_e2", bits=40)
    charge = program.market("charge_usd_e2", bits=30)
    required = program.public_scalar("required_usd_e2", bits=100)
    size = program.sign_split(net, bits=60, label="net").absolute
    program.require_sum_at_least(net * price - size * charge, required, bits=120, label="worth")


def main() -> None:
    """Compile, commit, prove, verify; then try what is false."""
    compiled = compile_program(worth_at_least, name="worth-at-least", rows=ROWS)
    print(profile(compiled))

    # Once: a setup (this one is for trials only) and the keys that follow from it and the program.
    backend = load_backend()
    setup = development_setup(ROWS, backend)
    lagrange, powers = setup.lagrange(backend, ROWS), setup.monomial(backend)
    fixed = [vector_of(backend, values, ROWS) for values in compiled.fixed_values]
    key = make_proving_key(backend, compiled.circuit, setup.key, lagrange, powers, fixed)

    # Once an epoch: public columns, which anyone can commit to again.
    prices = [vector_of(backend, values, ROWS) for values in ([6_500_000, 350_000, 100], [65_000, 3_500, 0])]
    market, market_points = PublicColumns.of(backend, prices), commit(backend, lagrange, prices)

    # Each venue commits to its part of the account, blinded; the commitments add up to the netted account.
    venues = [[3, -20, 900_000], [-1, 50, 0]]
    rhos = [secrets.randbelow(SCALAR_MODULUS) for _ in venues]
    points = [
        backend.msm(lagrange, [vector_of(backend, book, ROWS)], [[rho]])[0]
        for book, rho in zip(venues, rhos, strict=True)
    ]
    netted = Holding([sum(rows) for rows in zip(*venues, strict=True)], sum(rhos))

    # Prove and verify.
    inputs = Inputs(holdings={"net": netted}, market=market, scalars={"required_usd_e2": 90_000_000})
    witness = generate_witness(compiled, backend, inputs)
    public = PublicInputs(context=bytes(32), scalars=witness.scalars, holdings=(tuple(points),), market=market_points)
    proof = prove(key, public, witness.assignment)
    verify(key.verifying, public, proof)
    print(f"\nproved and verified: worth at least 900,000.00 USD, in {len(proof)} bytes")

    # A false statement has no proof, and the language says which constraint is in the way.
    false = Inputs(holdings={"net": netted}, market=market, scalars={"required_usd_e2": 150_000_000})
    print("asked for 1,500,000.00 USD, the constraints that fail:", check_constraints(compiled, backend, false))
    try:
        generate_witness(compiled, backend, false)
    except WitnessRangeError as error:
        print("and the prover refuses:", error)


if __name__ == "__main__":
    main()
