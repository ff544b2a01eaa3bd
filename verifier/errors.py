"""What the verifier raises. Anything else that escapes it is a defect."""

from __future__ import annotations


class ZkmarginError(Exception):
    """Base of every error that the project raises on purpose."""


class FormatError(ZkmarginError, ValueError):
    """Untrusted bytes do not have the form they must have. The message says where, what was expected, what came."""


class ProofRejected(ZkmarginError):
    """A well-formed proof does not prove its statement. `reason` is one of a fixed set of short words."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"proof rejected: {reason}")
        self.reason = reason
