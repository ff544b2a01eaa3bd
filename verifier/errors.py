"""The errors of the project, from which every other one derives. Anything else that escapes is a defect."""

from __future__ import annotations


class ZkmarginError(Exception):
    """Base of every error that the project raises on purpose."""


class FormatError(ZkmarginError, ValueError):
    """Untrusted bytes do not have the form they must have. The message says where, what was expected, what came."""


class ArgumentError(FormatError):
    """An argument of a function is not what it must be.

    `argument` is the parameter's name, which the message begins with; `problem` is the rest. The command line puts the
    option in the name's place.
    """

    def __init__(self, argument: str, problem: str) -> None:
        super().__init__(f"{argument}: {problem}")
        self.argument = argument
        self.problem = problem


class NoProofError(ZkmarginError):
    """Base of the errors that say that no proof exists, because the statement is false."""


class ProofRejected(ZkmarginError):
    """A well-formed proof does not prove its statement. `reason` is one of a fixed set of short words."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"proof rejected: {reason}")
        self.reason = reason
