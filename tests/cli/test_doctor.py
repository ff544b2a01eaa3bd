"""`zkmargin doctor`: what this installation is and will use."""

import json
from pathlib import Path
from typing import Any

import pytest

import zkmargin as package
from zkmargin.cli import doctor
from zkmargin.prover.kernels import describe_backends, load_backend


def test_the_report(zkmargin: Any) -> None:
    report = zkmargin("doctor", "--json").json
    assert report["version"] == package.__version__
    assert report["backend"]["name"] == load_backend().name
    assert [status["name"] for status in report["backend"]["all"]] == [status.name for status in describe_backends()]
    assert report["setup"] is None
    text = zkmargin("doctor")
    assert text.code == 0
    assert text.err == ""
    for line in ("zkmargin", "Python", "processor", "back end", "cache", "setup        none given"):
        assert line in text.out


def test_why_a_back_end_is_used(zkmargin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZKMARGIN_BACKEND", "reference")
    backend = zkmargin("doctor", "--json").json["backend"]
    assert (backend["name"], backend["reason"]) == ("reference", "ZKMARGIN_BACKEND asks for it")
    monkeypatch.setenv("ZKMARGIN_BACKEND", "nonsense")
    outcome = zkmargin("doctor")
    assert outcome.code == 2
    assert "expected one of" in outcome.line


def test_a_development_setup_is_loud(zkmargin: Any, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    zkmargin("setup", "dev", "--rows", 2, "--out", path)
    outcome = zkmargin("doctor", "--setup", path)
    assert outcome.code == 0
    assert "UNSAFE development setup" in outcome.out
    assert outcome.err.startswith(f"warning: {path}: UNSAFE")
    assert zkmargin("doctor", "--setup", path, "--json").json["setup"]["unsafe"] is True


def test_an_imported_setup(zkmargin: Any, vectors: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    zkmargin("setup", "import", vectors / "bn254-6-prepared.ptau", "--rows", 8, "--out", path)
    outcome = zkmargin("doctor", "--setup", path, "--json")
    assert outcome.err.startswith(f"warning: {path}: UNSAFE: a setup of no known ceremony")
    assert (outcome.json["setup"]["ceremony"], outcome.json["setup"]["unsafe"]) == (None, True)
    assert outcome.json["setup"]["rows"] == 8
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "rows": 16}))
    broken = zkmargin("doctor", "--setup", path)
    assert broken.code == 2
    assert "expected shape" in broken.line


def test_processor_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = tmp_path / "cpuinfo"
    listing.write_text("model name : x\nflags\t\t: fpu avx2 avx512ifma adx\nbugs : avx512f\n")
    monkeypatch.setattr(doctor, "_PROCESSORS", listing)
    assert doctor.processor_features() == ["adx", "avx2", "avx512ifma"]
    listing.write_text("Features\t: fp asimd sve\n")
    assert doctor.processor_features() == ["asimd", "sve"]
    monkeypatch.setattr(doctor, "_PROCESSORS", tmp_path / "none")
    assert doctor.processor_features() is None
