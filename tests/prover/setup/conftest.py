from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zkmargin.prover.kernels import describe_backends, load_backend
from zkmargin.prover.kernels.choice import PREFERENCE
from zkmargin.prover.kernels.interface import Backend
from zkmargin.prover.kernels.reference import ReferenceBackend
from zkmargin.prover.setup import Setup, import_ptau

VECTORS = Path(__file__).parents[2] / "vectors" / "ptau"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZKMARGIN_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def vectors() -> Path:
    return VECTORS


@pytest.fixture(scope="session")
def prepared() -> bytes:
    """The prepared file of power 6."""
    return (VECTORS / "bn254-6-prepared.ptau").read_bytes()


@pytest.fixture(scope="session")
def reference() -> ReferenceBackend:
    return ReferenceBackend()


@pytest.fixture(scope="session", params=PREFERENCE)
def backend(request: pytest.FixtureRequest) -> Backend[Any, Any]:
    """Each back end that this installation has."""
    status = next(status for status in describe_backends() if status.name == request.param)
    if not status.available:
        pytest.skip(status.reason)
    return load_backend(request.param)


@pytest.fixture(scope="session")
def imported(reference: ReferenceBackend) -> Setup:
    """The prepared file's setup for 16 rows."""
    return import_ptau(VECTORS / "bn254-6-prepared.ptau", 16, reference)


@pytest.fixture
def file_of(tmp_path: Path) -> Callable[[bytes], Path]:
    """Writes bytes to a file and returns its path."""

    def write(data: bytes, name: str = "changed.ptau") -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write
