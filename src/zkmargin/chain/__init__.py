"""The chain: deploying the contracts, publishing epochs, submitting proofs, asking the gate."""

from zkmargin.extras import extra
from zkmargin.verifier.recursion import recursion_limit_kept

# web3 loads py_ecc, in every module of this package.
with extra("chain", "the chain"), recursion_limit_kept():
    from zkmargin.chain.audit import audit
    from zkmargin.chain.client import Client, connect
    from zkmargin.chain.contracts import deploy, publish
    from zkmargin.chain.deployment import DeploymentRecord, read_deployment_record, write_deployment_record
    from zkmargin.chain.errors import ChainError, ProofRefused
    from zkmargin.chain.submission import Status, Submission, status, submit

__all__ = [
    "ChainError",
    "Client",
    "DeploymentRecord",
    "ProofRefused",
    "Status",
    "Submission",
    "audit",
    "connect",
    "deploy",
    "publish",
    "read_deployment_record",
    "status",
    "submit",
    "write_deployment_record",
]
