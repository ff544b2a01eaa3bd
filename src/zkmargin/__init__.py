"""zkmargin: private margin and solvency proofs.

The functions here do what the command line does, in the same words; see `zkmargin.api`.
Importing the package costs nothing: what a name needs is loaded when the name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from zkmargin.api.disclosure import Disclosed, check_disclosure, disclose
    from zkmargin.api.files import verify_file
    from zkmargin.api.margin import (
        InadequateError,
        MarginProver,
        Verdict,
        attest,
        build_market,
        development_setup,
        evaluate,
        import_deribit,
        load_market,
        load_policy,
        load_setup,
        margin_prover,
        prove_margin,
        set_threads,
        verify,
    )
    from zkmargin.api.solvency import (
        IncludedBalances,
        SolvencyResult,
        attest_reserves,
        check_inclusion,
        commit_balances,
        make_inclusion,
        make_inclusions,
        prove_batches,
        prove_solvency,
        report_solvency,
        verify_solvency,
        write_inclusion_page,
    )
    from zkmargin.verifier.errors import ArgumentError, FormatError, NoProofError, ProofRejected, ZkmarginError

__all__ = [
    "ArgumentError",
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
    "attest",
    "attest_reserves",
    "build_market",
    "check_disclosure",
    "check_inclusion",
    "commit_balances",
    "development_setup",
    "disclose",
    "evaluate",
    "import_deribit",
    "load_market",
    "load_policy",
    "load_setup",
    "make_inclusion",
    "make_inclusions",
    "margin_prover",
    "prove_batches",
    "prove_margin",
    "prove_solvency",
    "report_solvency",
    "set_threads",
    "verify",
    "verify_file",
    "verify_solvency",
    "write_inclusion_page",
]

_OTHERS = {
    "zkmargin.api.disclosure": ("Disclosed", "check_disclosure", "disclose"),
    "zkmargin.api.files": ("verify_file",),
    "zkmargin.api.solvency": (
        "IncludedBalances",
        "SolvencyResult",
        "attest_reserves",
        "check_inclusion",
        "commit_balances",
        "make_inclusion",
        "make_inclusions",
        "prove_batches",
        "prove_solvency",
        "report_solvency",
        "verify_solvency",
        "write_inclusion_page",
    ),
    "zkmargin.verifier.errors": ("ArgumentError", "FormatError", "NoProofError", "ProofRejected", "ZkmarginError"),
}
"""Where the names are that are not in `zkmargin.api.margin`."""


def __getattr__(name: str) -> Any:
    """Return a name of the API, loaded on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = next((module for module, names in _OTHERS.items() if name in names), "zkmargin.api.margin")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
