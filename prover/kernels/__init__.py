"""Kernels over Fr and G1: one typed interface, several back ends, the choice between them."""

from zkmargin.prover.kernels.choice import (
    BackendError,
    BackendStatus,
    describe_backends,
    load_backend,
    native_engine,
    set_threads,
    verifying_engine,
)

__all__ = [
    "BackendError",
    "BackendStatus",
    "describe_backends",
    "load_backend",
    "native_engine",
    "set_threads",
    "verifying_engine",
]
