"""Powers-of-tau setups: importing a ceremony's, making one for development, the commitment bases, the file S."""

from zkmargin.prover.setup.cache import CacheWarning
from zkmargin.prover.setup.development import development_setup
from zkmargin.prover.setup.importer import import_ptau
from zkmargin.prover.setup.srs import BLINDING_POINTS, PointSource, Setup
from zkmargin.prover.setup.storage import load_setup, load_setup_key, save_setup
from zkmargin.prover.setup.verification import provenance, verify_setup
from zkmargin.verifier.srs import SetupError

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
    "provenance",
    "save_setup",
    "verify_setup",
]
