"""The table and what is computed from it; the artefacts."""

from __future__ import annotations

import random
import shutil

import pytest
from support.evm import VERIFY, OnChain, encode, evm, selector
from support.setup import proving_key
from support.statements import Statement

from zkmargin.verifier.contracts import compile as compiler
from zkmargin.verifier.contracts.artifacts import load_artifact
from zkmargin.verifier.contracts.table import (
    FIELDS,
    MAX_CODE_BYTES,
    TableError,
    build_table,
    creation_code,
    encode_public_inputs,
    fits,
    hint_for_code,
    holder_code,
    runtime_code,
    table_holder,
    with_hint,
)
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.keccak import keccak256

INSTRUCTIONS = load_artifact("Verifier").code


def test_every_contract_fits() -> None:
    for name in compiler.CONTRACTS:
        assert len(load_artifact(name).code) <= MAX_CODE_BYTES


def test_a_table_is_the_same_every_time(margin_statement: Statement) -> None:
    table = build_table(margin_statement.verifying)
    assert table == build_table(margin_statement.verifying)
    assert int.from_bytes(table[-2:], "big") == len(table)
    assert table[:32] == margin_statement.verifying.digest
    assert table[32:64] == margin_statement.verifying.setup.digest


def test_the_contract_names_key_and_setup(contracts: list[tuple[Statement, OnChain]]) -> None:
    for statement, contract in contracts:
        assert evm().call(contract.address, selector("keyDigest()")).data == statement.verifying.digest
        assert evm().call(contract.address, selector("setupDigest()")).data == statement.verifying.setup.digest


def test_the_source_has_the_fields_in_their_places() -> None:
    source = (compiler.FOLDER / compiler.CONTRACTS["Verifier"]).read_text(encoding="utf-8")
    for position, name in enumerate(FIELDS):
        assert f"constant {name.upper()} = {0x500 + 2 * position:#x};" in source


def test_hints_from_code_and_from_the_key_agree(contracts: list[tuple[Statement, OnChain]]) -> None:
    draw = random.Random(7)
    for statement, _ in contracts:
        code = runtime_code(build_table(statement.verifying), INSTRUCTIONS)
        for change in range(4):
            proof = bytearray(statement.proof)
            if change:
                at = 64 * (statement.circuit.proof_points - 2) + 32 * draw.randrange(len(statement.circuit.evaluations))
                proof[at : at + 32] = draw.randrange(1 << 200).to_bytes(32, "big")
            hint = hint_for_code(code, *encode_public_inputs(statement.public), bytes(proof))
            assert with_hint(statement.verifying, statement.public, bytes(proof)) == bytes(proof) + hint.to_bytes(
                32, "big"
            )


def test_hints_are_refused_without_a_table_or_for_another_length(margin_statement: Statement) -> None:
    inputs, market = encode_public_inputs(margin_statement.public)
    with pytest.raises(FormatError, match="expected a verifier's code"):
        hint_for_code(b"\x60\x00", inputs, market, margin_statement.proof)
    code = runtime_code(build_table(margin_statement.verifying), INSTRUCTIONS)
    with pytest.raises(FormatError, match="proof: expected"):
        hint_for_code(code, inputs, market, margin_statement.proof[:-1])


def test_a_table_may_lie_in_a_contract_of_its_own(margin_statement: Statement) -> None:
    table = build_table(margin_statement.verifying)
    assert fits(table, INSTRUCTIONS)
    holder = bytes.fromhex(evm().create(creation_code(holder_code(table)))[2:])
    code = runtime_code(table, INSTRUCTIONS, holder)
    assert table_holder(code) == holder
    assert table_holder(runtime_code(table, INSTRUCTIONS)) is None
    contract = OnChain(margin_statement.verifying, evm().create(creation_code(code)))
    proof = with_hint(margin_statement.verifying, margin_statement.public, margin_statement.proof)
    assert contract.verify(margin_statement.public, proof) is None


def test_fraction_sums_are_not_for_the_chain(grouped_statement: Statement) -> None:
    with pytest.raises(TableError, match="fraction sums"):
        build_table(grouped_statement.verifying)


def test_calldata_beyond_its_end_reads_as_nothing(contracts: list[tuple[Statement, OnChain]]) -> None:
    """A length that promises more bytes than the call has."""
    _, contract = contracts[0]
    data = VERIFY + encode(["bytes"] * 3, [b"", b"", b""])
    outcome = evm().call(contract.address, data[:-32] + (1 << 20).to_bytes(32, "big"))
    assert not outcome.ok


def test_a_key_under_another_setup_has_another_table(margin_statement: Statement) -> None:
    other = proving_key(margin_statement.backend, margin_statement.program, tau=12345).verifying
    assert keccak256(build_table(other)) != keccak256(build_table(margin_statement.verifying))


@pytest.mark.skipif(
    shutil.which("node") is None or not (compiler.FOLDER / "node_modules" / "solc").exists(),
    reason="the npm compiler is not installed: run npm install in verifier/contracts",
)
def test_artefacts_are_what_the_sources_compile_to() -> None:
    for name, artifact in compiler.compile_contracts().items():
        shipped = (compiler.ARTIFACTS / f"{name}.json").read_text(encoding="utf-8")
        assert compiler.encode(artifact) == shipped, f"{name}: run python -m zkmargin.verifier.contracts.compile"
