"""Why a setup is refused although its bytes have the right form."""

from __future__ import annotations

from zkmargin.verifier.errors import ZkmarginError


class SetupError(ZkmarginError):
    """A setup's points are not what they must be, or it is too small, or not the ceremony's that was asked for."""
