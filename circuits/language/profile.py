"""What a program costs: columns, rows, degrees, points and gas, by label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from zkmargin.circuits.language.compiler import CompiledProgram
from zkmargin.verifier.expression import Binary, Constant, Node, Operator
from zkmargin.verifier.proof import proof_length

# Gas of the Istanbul precompiles and of non-zero calldata (EIP-1108, EIP-2028), with the call's own overhead.
MULTIPLICATION_GAS: Final = 6_000 + 180
ADDITION_GAS: Final = 150 + 180
PAIRING_GAS: Final = 45_000 + 2 * 34_000 + 200
CALLDATA_BYTE_GAS: Final = 16
SPARSE_ROW_GAS: Final = 110
SCALAR_ARITHMETIC_GAS: Final = 150
TRANSACTION_GAS: Final = 21_000

POINT_GAS: Final = MULTIPLICATION_GAS + ADDITION_GAS + 64 * CALLDATA_BYTE_GAS
CLAIM_GAS: Final = 32 * CALLDATA_BYTE_GAS + SCALAR_ARITHMETIC_GAS


@dataclass(frozen=True)
class ProfileLine:
    """One label's share: columns committed in the proof, public points, reserved rows, degree, expected gas."""

    label: str
    what: str
    columns: int = 0
    public_points: int = 0
    scalar_rows: int = 0
    degree: int = 0
    gas: int = 0


@dataclass(frozen=True)
class Profile:
    """A program's cost. `gas` is a model of one verification without signatures and storage; receipts are the truth."""

    name: str
    rows: int
    scalar_rows: int
    lines: tuple[ProfileLine, ...]
    proof_points: int
    proof_scalars: int
    proof_bytes: int
    gas: int

    def to_json(self) -> dict[str, Any]:
        """Plain values for scripts."""
        return {**vars(self), "lines": [vars(line) for line in self.lines]}

    def __str__(self) -> str:
        width = max(len(line.label) for line in self.lines)
        header = f"{'label':<{width}} {'what':<10} {'columns':>7} {'public':>6} {'rows':>5} {'degree':>6} {'gas':>8}"
        body = [
            f"{line.label:<{width}} {line.what:<10} {line.columns or '':>7} {line.public_points or '':>6} "
            f"{line.scalar_rows or '':>5} {line.degree or '':>6} {line.gas or '':>8}"
            for line in self.lines
        ]
        total = (
            f"{self.name}: {self.rows} rows, {self.scalar_rows} of them for scalars; a proof has {self.proof_points} "
            f"points and {self.proof_scalars} scalars, {self.proof_bytes} bytes; about {self.gas:,} gas"
        )
        return "\n".join([header, *body, total])


def profile(program: CompiledProgram) -> Profile:
    """What a compiled program costs, label by label."""
    circuit = program.circuit
    claimed = {claim.column for claim in circuit.evaluations}
    degrees = _degrees(circuit.nodes)
    lines = [ProfileLine(name, "market", public_points=1, gas=POINT_GAS) for name in circuit.market]
    for index, name in enumerate(circuit.fixed):
        evaluated = any(c is not None and (c.kind.value, c.index) == ("fixed", index) for c in claimed)
        gas = MULTIPLICATION_GAS + ADDITION_GAS + CLAIM_GAS * evaluated
        lines.append(ProfileLine(name, "fixed", public_points=1, gas=gas))
    lines += [ProfileLine(name, "holding", public_points=1, gas=POINT_GAS) for name in circuit.holdings]
    lines += [ProfileLine(name, "witness", columns=1, gas=POINT_GAS + CLAIM_GAS) for name in circuit.witness]
    if circuit.lookups:
        label = f"lookups ({len(circuit.lookups)} and the table)"
        count = circuit.helpers + 1
        lines.append(ProfileLine(label, "lookup", columns=count, degree=3, gas=count * POINT_GAS))
    for scalar, held in zip(program.recording.private, program.scalar_rows, strict=True):
        lines.append(ProfileLine(scalar.label, "scalar", scalar_rows=len(held), gas=len(held) * SPARSE_ROW_GAS))
    lines += [
        ProfileLine(identity.label, "identity", degree=degrees[identity.node], gas=SCALAR_ARITHMETIC_GAS)
        for identity in circuit.identities
    ]
    for total in circuit.sums:
        degree = max(
            ((term.public is not None) + (0 if term.weight is None else degrees[term.weight]) for term in total.terms),
            default=0,
        )
        lines.append(ProfileLine(total.label, "sum", degree=degree, gas=len(total.terms) * SCALAR_ARITHMETIC_GAS))
    # Running sum, quotient and W' are multiplied, W is only added.
    argument = 4 * POINT_GAS - MULTIPLICATION_GAS + CLAIM_GAS + PAIRING_GAS + TRANSACTION_GAS
    lines.append(ProfileLine("running sum, quotient, openings, pairing", "argument", columns=4, gas=argument))
    return Profile(
        name=circuit.name,
        rows=circuit.rows,
        scalar_rows=sum(len(held) for held in program.scalar_rows),
        lines=tuple(lines),
        proof_points=circuit.proof_points,
        proof_scalars=len(circuit.evaluations),
        proof_bytes=proof_length(circuit),
        gas=sum(line.gas for line in lines),
    )


def _degrees(nodes: tuple[Node, ...]) -> list[int]:
    """Each node's degree in columns."""
    degrees: list[int] = []
    for node in nodes:
        if isinstance(node, Constant):
            degrees.append(0)
        elif isinstance(node, Binary):
            left, right = degrees[node.left], degrees[node.right]
            degrees.append(left + right if node.operator is Operator.MULTIPLY else max(left, right))
        else:
            degrees.append(1)
    return degrees


__all__ = ["Profile", "ProfileLine", "profile"]
