"""The golden vector: one fixed proof and its challenges. Run this file to write it anew after a change of format.

    python tests/fiat_shamir/vector.py

Whoever implements the transcript elsewhere (a contract, another language) checks against the same file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.programs import margin
from support.randomness import predictable
from support.statements import Statement, make_statement

from zkmargin.prover.kernels.choice import AnyBackend
from zkmargin.verifier.curve import encode_g1, encode_g2
from zkmargin.verifier.proof import decode_proof
from zkmargin.verifier.verify import derive_challenges

PATH: Final = Path(__file__).parents[1] / "vectors" / "fiat_shamir" / "margin.json"

CHALLENGES: Final = ("alpha", "gamma", "y", "zeta", "v", "z")
"""In the order in which they are drawn; a circuit without fraction sums has no beta."""


def fixed_statement(backend: AnyBackend | None = None) -> Statement:
    """The statement of the vector."""
    return make_statement(margin(), backend)


def fixed_proof(statement: Statement) -> bytes:
    """The proof of the vector: blinding from a hash."""
    return statement.prove(blinding=predictable())


def vector() -> dict[str, Any]:
    """The vector's content, everything in hexadecimal."""
    statement = fixed_statement()
    key, public = statement.verifying, statement.public
    proof = fixed_proof(statement)
    challenges, binding = derive_challenges(key, public, decode_proof(key.circuit, proof))
    return {
        "circuit": key.circuit.to_json(),
        "fixed": [encode_g1(point).hex() for point in key.fixed],
        "g2_x": encode_g2(key.setup.g2_x).hex(),
        "context": public.context.hex(),
        "scalars": [hex(value) for value in public.scalars],
        "holdings": [[encode_g1(point).hex() for point in venues] for venues in public.holdings],
        "market": [encode_g1(point).hex() for point in public.market],
        "proof": proof.hex(),
        "challenges": {name: hex(getattr(challenges, name)) for name in CHALLENGES},
        "binding": binding.hex(),
    }


if __name__ == "__main__":
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text(json.dumps(vector(), indent=1) + "\n", encoding="ascii")
