"""Powers-of-tau setups: importing a ceremony's, making one for development, the commitment bases, the file S.

A setup and its file are loaded here; what makes and checks setups when it is first used, as whoever verifies does not.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from zkmargin.prover.setup.srs import BLINDING_POINTS, PointSource, Setup
from zkmargin.prover.setup.storage import load_setup, load_setup_key, load_setup_rows, save_setup
from zkmargin.verifier.srs import SetupError

if TYPE_CHECKING:
    from zkmargin.prover.setup.cache import CacheWarning
    from zkmargin.prover.setup.development import development_setup
    from zkmargin.prover.setup.importer import import_ptau
    from zkmargin.prover.setup.verification import provenance, verify_setup

__all__ = [
    "BLINDING_POINTS",
    "CacheWarning",
    "PointSource",
    "Setup",
    "SetupError",
    "development_setup",
    "import_ptau",
    "load_setup",
    "load_setup_key",
    "load_setup_rows",
    "provenance",
    "save_setup",
    "verify_setup",
]

_MODULES = {
    "CacheWarning": "cache",
    "development_setup": "development",
    "import_ptau": "importer",
    "provenance": "verification",
    "verify_setup": "verification",
}


def __getattr__(name: str) -> Any:
    """A name whose module is loaded on first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
