"""A first program: an account at two venues proves that it is worth at least a public amount, and not how much.

Run it with `python examples/first_program.py`; docs/language.md explains it line by line.
"""

from __future__ import annotations

from zkmargin.circuits.language import Holding, Program, Prover, WitnessRangeError, compile_program, random_blinding
from zkmargin.circuits.language.profile import profile
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.setup import development_setup
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

    # Once: a setup (this one is for trials only); the prover keeps the keys that follow from it and the program.
    backend = load_backend()
    prover = Prover(compiled, development_setup(ROWS, backend), backend)

    # Once an epoch: public columns, which anyone can commit to again.
    market = prover.publish({"price_usd_e2": [6_500_000, 350_000, 100], "charge_usd_e2": [65_000, 3_500, 0]})

    # Each venue commits to its part of the account, blinded; the commitments add up to the netted account.
    books = [Holding(book, random_blinding()) for book in ([3, -20, 900_000], [-1, 50, 0])]
    given = {"holdings": {"net": books}, "market": market, "context": bytes(32)}

    # Prove and verify.
    proven = prover.prove(**given, scalars={"required_usd_e2": 90_000_000})
    verify(prover.verifying_key, proven.public, proven.proof)
    print(f"\nproved and verified: worth at least 900,000.00 USD, in {len(proven.proof)} bytes")

    # A false statement has no proof, and the language says which constraint is in the way.
    try:
        prover.prove(**given, scalars={"required_usd_e2": 150_000_000})
    except WitnessRangeError as error:
        print("asked for 1,500,000.00 USD, the prover refuses:", error)


if __name__ == "__main__":
    main()
