"""The file of a margin proof, a document of kind `proof`, and what a market's file says of its epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from zkmargin.verifier.curve import G1, decode_g1
from zkmargin.verifier.documents import Fields, read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import KeyRecovery, parse_address
from zkmargin.verifier.hexadecimal import parse_hex
from zkmargin.verifier.instants import parse_seconds, parse_seconds_down
from zkmargin.verifier.statements.attestation import Attestation, attestation_from_fields
from zkmargin.verifier.statements.margin.statement import Deployment, MarginProof, MarginStatement, MarketTerms
from zkmargin.verifier.statements.trust import MAX_VENUES

KIND: Final = "proof"
MAX_ACCOUNT_PROOF_BYTES: Final = 1 << 16
"""Bound of the proof of one account's statement: margin and disclosure."""


def read_margin_proof(path: str | Path, recovery: KeyRecovery | None = None) -> MarginProof:
    """Read a proof's file, attestations' signatures checked. Raises FormatError; OSError when it cannot be read."""
    where = str(path)
    fields = Fields(path, read_document(path, KIND))
    record = fields.record("statement")
    policy = record.record("policy")
    name = policy.text("name")
    statement = MarginStatement(
        deployment=Deployment(
            record.integer("chain_id", 0, (1 << 256) - 1),
            parse_address(record.text("gate"), f"{where}: field 'gate'"),
        ),
        account=parse_address(record.text("account"), f"{where}: field 'account'"),
        policy=policy.hexadecimal("digest", 32),
        epoch=record.hexadecimal("epoch", 32),
        epoch_time=parse_seconds(record.text("epoch_time"), f"{where}: field 'epoch_time'"),
        snapshot_time=parse_seconds(record.text("snapshot_time"), f"{where}: field 'snapshot_time'"),
        valid_until=parse_seconds(record.text("valid_until"), f"{where}: field 'valid_until'"),
    )
    policy.finish()
    record.finish()
    attestations = attestations_from_fields(fields, where, recovery)
    text = fields.text("proof")
    fields.finish()
    return MarginProof(
        statement, name, attestations, parse_hex(text, f"{where}: field 'proof'", most=MAX_ACCOUNT_PROOF_BYTES)
    )


def attestations_from_fields(
    fields: Fields, where: str, recovery: KeyRecovery | None = None
) -> tuple[Attestation, ...]:
    """Take a document's `attestations`, signatures checked. Raises FormatError naming the one that is wrong."""
    listed = fields.array("attestations")
    if not 1 <= len(listed) <= MAX_VENUES or not all(isinstance(item, dict) for item in listed):
        raise FormatError(f"{where}: field 'attestations': expected 1 to {MAX_VENUES} objects")
    places = [f"{where}: attestations[{i}]" for i in range(len(listed))]
    return tuple(
        attestation_from_fields(Fields(place, item), place, recovery)
        for place, item in zip(places, listed, strict=True)
    )


def market_terms_from_fields(fields: Fields, where: str) -> MarketTerms:
    """Take what a market's document states of its epoch, and check that its `epoch` is their id.

    That the commitments and the data's digest are those of its columns and instruments is for the caller to check.
    Raises FormatError.
    """
    policy = fields.record("policy").hexadecimal("digest", 32)
    terms = MarketTerms(
        fields.hexadecimal("universe_id", 32),
        parse_seconds_down(fields.text("as_of"), f"{where}: field 'as_of'"),
        fields.hexadecimal("data", 32),
        tuple(point for _, point in columns_from_fields(fields, where)),
    )
    if fields.hexadecimal("epoch", 32) != terms.epoch_id(policy):
        raise FormatError(
            f"{where}: field 'epoch': expected 0x{terms.epoch_id(policy).hex()}, which the data have, got another"
        )
    return terms


def columns_from_fields(fields: Fields, where: str) -> list[tuple[str, G1]]:
    """Take the names and commitments of a market's columns, in order. Raises FormatError."""
    found = []
    for index, item in enumerate(fields.array("columns")):
        place = f"{where}: field 'columns'[{index}]"
        if not isinstance(item, dict):
            raise FormatError(f"{place}: expected an object")
        column = Fields(place, item)
        name = column.text("name")
        found.append((name, decode_g1(column.hexadecimal("commitment", 64), place, allow_infinity=True)))
        column.finish()
    return found
