"""Which back end serves, and what is said when none can."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from zkmargin.prover.kernels import (
    BackendError,
    choice,
    describe_backends,
    load_backend,
    native_engine,
    set_threads,
)
from zkmargin.prover.kernels.interface import Backend


@pytest.fixture
def without_native(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_native", lambda: (None, "the native module is not there (test)"))


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZKMARGIN_BACKEND", raising=False)


def test_every_back_end_is_described() -> None:
    statuses = describe_backends()
    assert [status.name for status in statuses] == ["avx512", "portable", "reference"]
    assert all(status.reason for status in statuses)
    assert statuses[-1].available


def test_the_fastest_is_the_default() -> None:
    fastest = next(status.name for status in describe_backends() if status.available and not status.emulated)
    assert load_backend().name == fastest


def test_an_emulated_back_end_serves_only_when_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    native = pytest.importorskip("zkmargin.prover.kernels.native")
    monkeypatch.setattr(native, "engine_problem", lambda name: None)
    monkeypatch.setattr(native, "engine_is_emulated", lambda name: name == "portable")
    emulated = next(status for status in describe_backends() if status.name == "portable")
    assert (emulated.available, emulated.emulated) == (True, True)
    assert "emulated" in emulated.reason
    monkeypatch.setattr(choice, "PREFERENCE", ("portable", "reference"))
    assert load_backend().name == "reference"
    assert load_backend("portable").name == "portable"
    monkeypatch.setenv("ZKMARGIN_BACKEND", "portable")
    assert load_backend().name == "portable"


def test_names_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_backend("reference").name == "reference"
    monkeypatch.setenv("ZKMARGIN_BACKEND", "reference")
    assert load_backend().name == "reference"
    monkeypatch.setenv("ZKMARGIN_BACKEND", "cuda")
    assert load_backend("reference").name == "reference"
    with pytest.raises(BackendError, match="expected one of avx512, portable, reference, got 'cuda'"):
        load_backend()


def test_one_instance_a_name() -> None:
    assert load_backend("reference") is load_backend("reference")


def test_every_back_end_satisfies_the_interface(backend: Backend[Any, Any]) -> None:
    assert isinstance(backend, Backend)


@pytest.mark.usefixtures("without_native")
def test_the_reference_serves_where_nothing_was_compiled() -> None:
    assert load_backend().name == "reference"
    assert [status.available for status in describe_backends()] == [False, False, True]
    with pytest.raises(BackendError, match="portable: the native module is not there"):
        load_backend("portable")
    with pytest.raises(BackendError, match="native module is not there"):
        native_engine()
    set_threads(2)


def test_a_missing_module_is_an_import_error_only() -> None:
    code = (
        "import sys; sys.modules['zkmargin._native'] = None\n"
        "from zkmargin.prover.kernels import describe_backends, load_backend\n"
        "print(load_backend().name, describe_backends()[1].reason)"
    )
    environment = {**os.environ, "ZKMARGIN_BACKEND": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)  # noqa: S603
    assert done.stdout.startswith("reference the native module was not built")


def test_thread_counts() -> None:
    native = pytest.importorskip("zkmargin._native")
    set_threads(None)  # An earlier test of the command line may have chosen.
    every_core = native.threads()
    backend = load_backend("portable")
    vector = backend.constant(3, 50_000)
    results = set()
    try:
        for count in (1, 2, 3):
            set_threads(count)
            assert native.threads() == count
            results.add((backend.sum(vector), backend.to_bytes(backend.prefix_sum(vector))))
    finally:
        set_threads(None)
    assert len(results) == 1
    assert native.threads() == every_core
    with pytest.raises(ValueError, match="1 or more"):
        set_threads(0)


def test_a_forked_child_starts_its_own_threads() -> None:
    pytest.importorskip("zkmargin._native")
    code = (
        "import os\n"
        "from zkmargin.prover.kernels import load_backend\n"
        "b = load_backend('portable')\n"
        "v = b.constant(3, 100_000)\n"
        "expected = b.sum(v)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if b.sum(v) == expected else 1)\n"
        "print(os.waitpid(child, 0)[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    assert done.stdout.strip() == "0"
