"""What follows from a circuit: claims, blinding, degrees, and the rules that its construction enforces."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.programs import catalogue, margin

from zkmargin.verifier.circuit import Circuit, CircuitError, Identity, MaskColumn, SparseColumn, SumTerm
from zkmargin.verifier.expression import Binary, Column, ColumnKind, Constant, Operator, Query
from zkmargin.verifier.field import SCALAR_MODULUS


def test_claims_are_at_zeta_then_at_w_zeta_and_the_running_sum_is_last() -> None:
    for case in (margin(), catalogue()):
        claims = case.program.circuit.evaluations
        assert [claim.rotation for claim in claims] == sorted(claim.rotation for claim in claims)
        assert claims[-1].column is None
        assert len(set(claims)) == len(claims)
        assert all(c.column is None or c.column.kind is not ColumnKind.MARKET for c in claims)


def test_a_column_read_rotated_has_more_blinding() -> None:
    circuit = catalogue().program.circuit
    running = circuit.witness.index("running")
    assert circuit.blinding(running) == 4
    assert {circuit.blinding(i) for i, name in enumerate(circuit.witness) if "digit" in name} == {2}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rows": 33}, "power of two"),
        ({"rows": 16}, "power of two from 32"),
        ({"rows": 1 << 28}, "power of two from 32"),
        ({"table_bits": 6}, "table_bits"),
        ({"table_bits": 0}, "table_bits"),
        ({"sparse": (SparseColumn("s", ((1, 1), (1, 2))),)}, "increasing rows"),
        ({"sparse": (SparseColumn("s", ((32, 1),)),)}, "increasing rows"),
        ({"masks": (MaskColumn("m", 3, (0,)),)}, "stride"),
        ({"masks": (MaskColumn("m", 4, (1, 0)),)}, "increasing offsets"),
        ({"masks": (MaskColumn("m", 4, (4,)),)}, "increasing offsets"),
    ],
)
def test_malformed_circuits_do_not_exist(change: dict[str, object], says: str) -> None:
    with pytest.raises(CircuitError, match=says):
        replace(margin().program.circuit, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("node", "says"),
    [
        (Query(Column(ColumnKind.WITNESS, 99), 0), "there is no witness column 99"),
        (Query(Column(ColumnKind.WITNESS, -1), 0), "there is no witness column -1"),
        (Query(Column(ColumnKind.HOLDING, 0), 1), "only witness columns may be rotated"),
        (Query(Column(ColumnKind.WITNESS, 0), 2), "only witness columns may be rotated"),
        (Binary(Operator.ADD, 0, 10_000), "an earlier node"),
        (Constant(SCALAR_MODULUS), "canonical constant"),
        (Constant(-1), "canonical constant"),
    ],
)
def test_malformed_nodes_are_refused(node: object, says: str) -> None:
    circuit = margin().program.circuit
    with pytest.raises(CircuitError, match=says):
        replace(circuit, nodes=(*circuit.nodes, node))  # type: ignore[arg-type]


def test_a_sum_takes_no_private_public_factor() -> None:
    circuit = margin().program.circuit
    bad = replace(circuit.sums[0], terms=(SumTerm(1, Column(ColumnKind.WITNESS, 0), None),))
    with pytest.raises(CircuitError, match="cannot be a sum's public factor"):
        replace(circuit, sums=(bad,))


def test_a_constraint_refers_to_a_node_that_exists() -> None:
    circuit = margin().program.circuit
    with pytest.raises(CircuitError, match="does not exist"):
        replace(circuit, identities=(*circuit.identities, Identity("ghost", len(circuit.nodes))))


def test_every_field_of_a_circuit_changes_its_digest() -> None:
    circuit = margin().program.circuit
    changed: list[Circuit] = [
        replace(circuit, name="other"),
        replace(circuit, table_bits=circuit.table_bits - 1),
        replace(circuit, identities=circuit.identities[::-1]),
        replace(circuit, lookups=circuit.lookups[:-1]),
        replace(circuit, sums=circuit.sums[::-1]),
        replace(circuit, sums=(replace(circuit.sums[0], constant=1), *circuit.sums[1:])),
        replace(circuit, market=(*circuit.market[:-1], "more")),
        replace(circuit, scalars=(replace(circuit.scalars[0], bits=31),)),
        replace(circuit, masks=(MaskColumn("m", 4, (0,)),)),
        replace(circuit, fixed=(*circuit.fixed, "more")),
    ]
    digests = {c.digest for c in changed}
    assert len(digests) == len(changed)
    assert circuit.digest not in digests


def test_a_node_that_no_constraint_reads_is_refused() -> None:
    """Else a column that only such a node reads would pass for constrained."""
    circuit = margin().program.circuit
    dead = Binary(Operator.MULTIPLY, 0, 0)
    with pytest.raises(CircuitError, match=rf"nodes\[{len(circuit.nodes)}\]: no constraint reads this node"):
        replace(circuit, nodes=(*circuit.nodes, dead))
