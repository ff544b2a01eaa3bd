"""zkmargin: private margin and solvency proofs.

The functions here do what the command line does, in the same words; see `zkmargin.api`.
Importing the package costs nothing: what a name needs is loaded when the name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from zkmargin.api.disclosure import disclose
    from zkmargin.api.disclosure_verification import Disclosed, check_disclosure
    from zkmargin.api.margin import (
        attest,
        build_market,
        development_setup,
        evaluate,
        import_deribit,
        margin_prover,
        prove_margin,
    )
    from zkmargin.api.verification import Verdict, verify
    from zkmargin.circuits.policies.policy import load_policy
    from zkmargin.circuits.statements.margin.prover import InadequateError, MarginProver
    from zkmargin.prover.kernels import set_threads
    from zkmargin.prover.setup import load_setup
    from zkmargin.verifier.errors import FormatError, ProofRejected, ZkmarginError

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

_MODULES = {
    **dict.fromkeys(("FormatError", "ProofRejected", "ZkmarginError"), "verifier.errors"),
    **dict.fromkeys(("Verdict", "verify"), "api.verification"),
    **dict.fromkeys(("Disclosed", "check_disclosure"), "api.disclosure_verification"),
    "disclose": "api.disclosure",
    "load_policy": "circuits.policies.policy",
    "load_setup": "prover.setup",
    "set_threads": "prover.kernels",
}
"""Where the names are that `zkmargin.api.margin` does not define. Whoever verifies loads nothing that proves."""


def __getattr__(name: str) -> Any:
    """A name of the API, loaded on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"zkmargin.{_MODULES.get(name, 'api.margin')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
