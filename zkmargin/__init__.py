"""zkmargin: private margin and solvency proofs.

The functions here do what the command line does, in the same words; see `zkmargin.api`. Importing the package costs
nothing: what a name needs is loaded when the name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from zkmargin.api import (
        MarginProver,
        Verdict,
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
    "MarginProver",
    "Verdict",
    "__version__",
    "attest",
    "build_market",
    "development_setup",
    "evaluate",
    "import_deribit",
    "load_policy",
    "load_setup",
    "margin_prover",
    "prove_margin",
    "set_threads",
    "verify",
]


def __getattr__(name: str) -> Any:
    """A name of `zkmargin.api`, loaded on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module("zkmargin.api"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
