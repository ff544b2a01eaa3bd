"""Verifier contracts of the adversarial suites' circuits, made once a session."""

from __future__ import annotations

import pytest
from support.statements import Statement

from .evm import OnChain


@pytest.fixture(scope="session")
def contracts(
    margin_statement: Statement,
    packed_statement: Statement,
    catalogue_statement: Statement,
    ballot_statement: Statement,
) -> list[tuple[Statement, OnChain]]:
    """Every kind of circuit that goes on chain."""
    statements = (margin_statement, packed_statement, catalogue_statement, ballot_statement)
    return [(statement, OnChain.deploy(statement.verifying)) for statement in statements]
