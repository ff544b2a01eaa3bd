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

    from zkmargin.api.disclosure import Disclosed, check_disclosure, disclose
    from zkmargin.api.margin import (
        FormatError,
        InadequateError,
        MarginProver,
        ProofRejected,
        Verdict,
        ZkmarginError,
        attest,
        build_market,
        development_setup,
        evaluate,
        import_deribit,
        load_policy,
        load_setup,
        margin_prover,
        prove_margin,
        set_threads,
        verify,
    )

__all__ = [
    "Disclosed",
    "FormatError",
    "InadequateError",
    "MarginProver",
    "ProofRejected",
    "Verdict",
    "ZkmarginError",
    "__version__",
    "attest",
    "build_market",
    "check_disclosure",
    "development_setup",
    "disclose",
    "evaluate",
    "import_deribit",
    "load_policy",
    "load_setup",
    "margin_prover",
    "prove_margin",
    "set_threads",
    "verify",
]

_DISCLOSURES = ("Disclosed", "check_disclosure", "disclose")


def __getattr__(name: str) -> Any:
    """A name of the API, loaded on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - a third of the time that the package takes to load

    module = "zkmargin.api.disclosure" if name in _DISCLOSURES else "zkmargin.api.margin"
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
