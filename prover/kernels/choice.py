"""Which back end serves: the one that was asked for, else the fastest that this machine and this build have."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final, TypeAlias

from zkmargin.prover.kernels.interface import Backend
from zkmargin.verifier.curve import GroupEngine
from zkmargin.verifier.errors import ZkmarginError

ENVIRONMENT_VARIABLE: Final = "ZKMARGIN_BACKEND"

PREFERENCE: Final = ("avx512", "portable", "reference")
"""Every back end, fastest first."""

AnyBackend: TypeAlias = Backend[Any, Any]
"""A back end whose handles the caller only ever passes back to it."""


class BackendError(ZkmarginError, ValueError):
    """A back end that was asked for is unknown or cannot be used here."""


@dataclass(frozen=True)
class BackendStatus:
    """Whether a back end can be used here; if not, why and what helps. An emulated one serves only when it is named."""

    name: str
    available: bool
    reason: str
    emulated: bool = False


def load_backend(name: str | None = None) -> AnyBackend:
    """The back end `name`, else the one that ZKMARGIN_BACKEND names, else the fastest that is available.

    A choice made explicitly is never replaced by another: BackendError says why it cannot be met. An emulated back end
    is slow, and never chosen but by its name.
    """
    wanted = name or os.environ.get(ENVIRONMENT_VARIABLE)
    statuses = describe_backends()
    if not wanted:
        return _make(next(status.name for status in statuses if status.available and not status.emulated))
    status = next((status for status in statuses if status.name == wanted), None)
    if status is None:
        raise BackendError(f"back end: expected one of {', '.join(PREFERENCE)}, got {wanted!r}")
    if not status.available:
        raise BackendError(f"back end {wanted}: {status.reason}")
    return _make(wanted)


def describe_backends() -> list[BackendStatus]:
    """Every back end, fastest first, and why it can or cannot be used."""
    return [_describe(name) for name in PREFERENCE]


def slow_because() -> str | None:
    """Return why the reference back end serves, which is slow; None where native code does."""
    if load_backend().name != "reference":
        return None
    if os.environ.get(ENVIRONMENT_VARIABLE):
        return f"{ENVIRONMENT_VARIABLE} asks for it"
    return _native()[1]


def native_engine() -> GroupEngine:
    """Native group operations for a verifier. Raises BackendError where the native module is missing."""
    wrapper, problem = _native()
    if wrapper is None:
        raise BackendError(f"native engine: {problem}")
    engine: GroupEngine = wrapper.NativeEngine()
    return engine


def verifying_engine() -> GroupEngine | None:
    """Native group operations, or None, which means pure Python, where they are missing or not wanted."""
    if load_backend().name == "reference":
        return None
    try:
        return native_engine()
    except BackendError:
        return None


def set_threads(count: int | None) -> None:
    """Let native kernels use `count` threads, None for one per core. Raises ValueError for less than one."""
    if count is not None and count < 1:
        raise ValueError(f"threads: expected 1 or more, got {count}")
    wrapper, _ = _native()
    if wrapper is not None:
        wrapper.set_threads(count)


def _describe(name: str) -> BackendStatus:
    if name == "reference":
        return BackendStatus(name, available=True, reason="Python integers; slow, for tests and as a last resort")
    wrapper, problem = _native()
    if wrapper is None:
        return BackendStatus(name, available=False, reason=problem)
    problem = wrapper.engine_problem(name)
    if problem is not None:
        return BackendStatus(name, available=False, reason=problem)
    if wrapper.engine_is_emulated(name):
        reason = "emulated instructions; slow, for tests, used only where it is named"
        return BackendStatus(name, available=True, reason=reason, emulated=True)
    return BackendStatus(name, available=True, reason="native code, all cores")


@cache
def _make(name: str) -> AnyBackend:
    if name == "reference":
        from zkmargin.prover.kernels.reference import ReferenceBackend  # noqa: PLC0415 - slow to load, rarely used

        return ReferenceBackend()
    wrapper, _ = _native()
    if wrapper is None:
        raise BackendError(f"back end {name}: the native module disappeared")
    backend: AnyBackend = wrapper.NativeBackend(name)
    return backend


@cache
def _native() -> tuple[ModuleType | None, str]:
    """The wrapper of the native module, or None and the reason: an installation without a compiler lacks the module."""
    if find_spec("zkmargin._native") is None:
        return None, "the native module was not built; reinstall zkmargin where cargo (rustup.rs) is on the PATH"
    try:
        from zkmargin.prover.kernels import native  # noqa: PLC0415 - an optional part, imported on demand
    except ImportError as error:
        return None, f"the native module does not load: {error}"
    return native, ""
