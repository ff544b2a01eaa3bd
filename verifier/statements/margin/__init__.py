"""The margin statement: what it claims (statement), when it holds (verify), its file (files)."""

from zkmargin.verifier.statements.margin.files import read_margin_proof
from zkmargin.verifier.statements.margin.statement import (
    OFF_CHAIN,
    Deployment,
    MarginProof,
    MarginStatement,
    MarketTerms,
)
from zkmargin.verifier.statements.margin.verify import (
    PolicyTerms,
    StatementError,
    check_attestations,
    make_statement,
    public_inputs,
    verify_margin,
    verify_margins,
)
from zkmargin.verifier.statements.trust import MAX_VENUES, check_attestors

__all__ = [
    "MAX_VENUES",
    "OFF_CHAIN",
    "Deployment",
    "MarginProof",
    "MarginStatement",
    "MarketTerms",
    "PolicyTerms",
    "StatementError",
    "check_attestations",
    "check_attestors",
    "make_statement",
    "public_inputs",
    "read_margin_proof",
    "verify_margin",
    "verify_margins",
]
