"""zkmargin: private margin and solvency proofs.

The functions here do what the command line does, in the same words; see `zkmargin.api`.
Importing the package costs nothing: what a name needs is loaded when the name is first used.
"""

from __future__ import annotations

__version__ = "0.1.0"

# Known to type checkers by its name; the module of that constant takes longer to load than all the rest.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from zkmargin.api.broker import commit_books, make_broker_inclusion, prove_broker
    from zkmargin.api.broker_verification import BrokerResult, check_broker_inclusion, verify_broker_proof
    from zkmargin.api.disclosure import disclose
    from zkmargin.api.disclosure_verification import Disclosed, check_disclosure
    from zkmargin.api.files import verify_file
    from zkmargin.api.margin import (
        attest,
        build_market,
        development_setup,
        evaluate,
        import_deribit,
        load_market,
        margin_prover,
        prove_margin,
    )
    from zkmargin.api.solvency import (
        attest_reserves,
        commit_balances,
        make_inclusion,
        make_inclusions,
        prove_batches,
        prove_solvency,
    )
    from zkmargin.api.solvency_log import append_to_log, compare_receipts, make_receipt
    from zkmargin.api.solvency_verification import (
        IncludedBalances,
        SolvencyResult,
        check_inclusion,
        report_solvency,
        verify_solvency,
        write_inclusion_page,
    )
    from zkmargin.api.verification import Verdict, verify, verify_many
    from zkmargin.circuits.policies.policy import load_policy
    from zkmargin.circuits.statements.margin.prover import InadequateError, MarginProver
    from zkmargin.prover.kernels import set_threads
    from zkmargin.prover.setup import load_setup
    from zkmargin.verifier.errors import ArgumentError, FormatError, NoProofError, ProofRejected, ZkmarginError

__all__ = [
    "ArgumentError",
    "BrokerResult",
    "Disclosed",
    "FormatError",
    "InadequateError",
    "IncludedBalances",
    "MarginProver",
    "NoProofError",
    "ProofRejected",
    "SolvencyResult",
    "Verdict",
    "ZkmarginError",
    "__version__",
    "append_to_log",
    "attest",
    "attest_reserves",
    "build_market",
    "check_broker_inclusion",
    "check_disclosure",
    "check_inclusion",
    "commit_balances",
    "commit_books",
    "compare_receipts",
    "development_setup",
    "disclose",
    "evaluate",
    "import_deribit",
    "load_market",
    "load_policy",
    "load_setup",
    "make_broker_inclusion",
    "make_inclusion",
    "make_inclusions",
    "make_receipt",
    "margin_prover",
    "prove_batches",
    "prove_broker",
    "prove_margin",
    "prove_solvency",
    "report_solvency",
    "set_threads",
    "verify",
    "verify_broker_proof",
    "verify_file",
    "verify_many",
    "verify_solvency",
    "write_inclusion_page",
]

_MODULES = {
    "api.broker": ("commit_books", "make_broker_inclusion", "prove_broker"),
    "api.broker_verification": ("BrokerResult", "check_broker_inclusion", "verify_broker_proof"),
    "api.disclosure": ("disclose",),
    "api.disclosure_verification": ("Disclosed", "check_disclosure"),
    "api.files": ("verify_file",),
    "api.solvency": (
        "attest_reserves",
        "commit_balances",
        "make_inclusion",
        "make_inclusions",
        "prove_batches",
        "prove_solvency",
    ),
    "api.solvency_log": ("append_to_log", "compare_receipts", "make_receipt"),
    "api.solvency_verification": (
        "IncludedBalances",
        "SolvencyResult",
        "check_inclusion",
        "report_solvency",
        "verify_solvency",
        "write_inclusion_page",
    ),
    "api.verification": ("Verdict", "verify", "verify_many"),
    "circuits.policies.policy": ("load_policy",),
    "prover.kernels": ("set_threads",),
    "prover.setup": ("load_setup",),
    "verifier.errors": ("ArgumentError", "FormatError", "NoProofError", "ProofRejected", "ZkmarginError"),
}
"""Where the names are that `zkmargin.api.margin` does not define. A verifier loads nothing that proves."""


def __getattr__(name: str) -> Any:
    """Return a name of the API, loaded on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - a third of the time that the package takes to load

    module = next((module for module, names in _MODULES.items() if name in names), "api.margin")
    value = getattr(import_module(f"zkmargin.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
