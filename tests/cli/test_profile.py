"""`zkmargin profile`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zkmargin.api import margin as api
from zkmargin.cli.main import run


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("profile")
    chain = Path(__file__).parents[1] / "vectors" / "deribit"
    source = next(chain.glob("*.json"))
    instruments, setup, out = folder / "instruments.json", folder / "setup.json", folder / "market.json"
    api.development_setup(512, out=setup)
    assert run(["market", "import-deribit", str(source), "--out", str(instruments)]) == 0
    built = ["market", "build", "--instruments", str(instruments), "--policy", "span", "--setup", str(setup)]
    assert run([*built, "--out", str(out)]) == 0
    return out


def test_it_names_every_label_and_what_a_proof_has(market: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["profile", "--market", str(market), "--policy", "span"]) == 0
    text = capsys.readouterr().out
    assert "net.magnitude.digit[0]" in text
    assert "adequate.slack" in text
    assert "512 rows" in text


def test_json(market: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["profile", "--market", str(market), "--policy", "span", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["gas"] == sum(line["gas"] for line in report["lines"])
    assert report["rows"] == 512


def test_an_unknown_policy_is_bad_input(market: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["profile", "--market", str(market), "--policy", "nonesuch"]) == 2
    assert "nonesuch" in capsys.readouterr().err
