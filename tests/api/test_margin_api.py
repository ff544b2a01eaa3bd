"""The Python API: cheap to import, the command line's words, paths or objects."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.shell_desk import ACCOUNT, AT, VENUES

import zkmargin
from zkmargin.circuits.markets.positions import PositionsError
from zkmargin.circuits.statements.attestation import read_opening
from zkmargin.circuits.statements.margin.market import Market
from zkmargin.circuits.statements.margin.prover import InadequateError
from zkmargin.cli.main import COMMANDS, app
from zkmargin.verifier.errors import ArgumentError, FormatError, ProofRejected
from zkmargin.verifier.statements.attestation import read_attestation
from zkmargin.verifier.statements.margin import read_margin_proof


def loads(statement: str) -> set[str]:
    """The modules that a fresh interpreter loads for a statement."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_and_listing_the_commands_load_nothing_heavy() -> None:
    heavy = {"numpy", "scipy", "pydantic", "py_ecc", "eth_keys", "rich", "zkmargin.api.margin"}
    assert not heavy & loads("import zkmargin")
    assert not heavy & loads("from zkmargin.cli.main import run\nrun(['--help'])")
    assert "eth_account" not in loads("import zkmargin.cli.prove, zkmargin.cli.verify, zkmargin.cli.attest")
    assert "matplotlib" not in loads("import zkmargin.cli.evaluate")


def test_names() -> None:
    for name in zkmargin.__all__:
        assert getattr(zkmargin, name) is not None
    assert set(zkmargin.__all__) <= set(dir(zkmargin))
    with pytest.raises(AttributeError, match="'nonsense'"):
        _ = zkmargin.nonsense


def test_help_says_of_a_command_what_the_command_says() -> None:
    import typer  # noqa: PLC0415

    group = typer.main.get_command(app)
    for name, line in COMMANDS.items():
        command = group.commands[name]  # type: ignore[attr-defined]
        assert command.name == name
        assert command.help.split("\n\n")[0].replace("\n", " ") == line


@pytest.fixture(scope="module")
def market(made_desk: Path) -> Market:
    return zkmargin.build_market(made_desk / "i.json", "span", made_desk / "s.json")


def test_objects_for_paths(made_desk: Path, market: Market, tmp_path: Path) -> None:
    policy, setup = zkmargin.load_policy("span"), zkmargin.load_setup(made_desk / "s.json")
    attestations = [read_attestation(made_desk / f"{venue}.attestation.json") for venue in VENUES]
    openings = [read_opening(made_desk / f"{venue}.opening.json") for venue in VENUES]
    stages: list[str] = []
    proof = zkmargin.prove_margin(
        *(market, policy, attestations, openings, setup),
        out=tmp_path / "p.json",
        report=lambda stage, done, total: stages.append(stage),
    )
    assert stages[0] == "reading"
    assert stages[-1] == "proving: done"
    assert read_margin_proof(tmp_path / "p.json") == proof
    for at in (AT, datetime(2020, 5, 22, tzinfo=UTC), int(datetime(2020, 5, 22, tzinfo=UTC).timestamp())):
        assert zkmargin.verify(proof, market, policy, setup, trust=made_desk / "trust.json", at=at).valid
    with pytest.raises(ProofRejected, match="expired at 2020-05-22T23:22:35Z"):
        zkmargin.verify(proof, market, policy, setup, any_attestor=True)
    with pytest.raises(FormatError, match="whose signatures count"):
        zkmargin.verify(proof, market, policy, setup, at=AT)
    with pytest.raises(ArgumentError, match=r"^at: expected"):
        zkmargin.verify(proof, market, policy, setup, any_attestor=True, at=datetime(2020, 5, 22))


def test_an_earlier_market_or_universe_keeps_its_rows(made_desk: Path, market: Market) -> None:
    for universe in (market, market.epoch.universe, made_desk / "m.json"):
        again = zkmargin.build_market(made_desk / "i.json", "span", made_desk / "s.json", universe=universe)
        assert again.universe == market.universe


def test_attest_defaults_and_choices(made_desk: Path, market: Market) -> None:
    def attest(**options: object) -> tuple[int, int]:
        attestation, _ = zkmargin.attest(
            *(market, {"USD": "1"}),
            account=ACCOUNT,
            venue="kestrel",
            key=made_desk / "kestrel.key",
            setup=made_desk / "s.json",
            **options,  # type: ignore[arg-type]
        )
        return attestation.claimed.snapshot_time, attestation.claimed.sequence

    assert attest() == (market.epoch_time, 1000 * market.epoch_time)
    assert attest(snapshot_time="2020-05-21T00:00:00Z", sequence=7) == (1590019200, 7)
    assert attest(snapshot_time=1590019200) == (1590019200, 1590019200000)


def test_evaluate_takes_one_book_or_several(made_desk: Path, market: Market) -> None:
    cash = {"USD": "100"}
    assert zkmargin.evaluate(market, cash, "span") == zkmargin.evaluate(made_desk / "m.json", [cash], "span")
    assert zkmargin.evaluate(market, [cash, cash], "span").nlv_usd_e12 == 200 * 10**12
    assert zkmargin.evaluate(market, made_desk / "harbor.csv", "paradex").adequate
    with pytest.raises(PositionsError, match="DOGE"):
        zkmargin.evaluate(market, {"DOGE": "1"}, "span")


def test_what_prove_margin_raises(made_desk: Path, market: Market) -> None:
    given = market, "span", [made_desk / "kestrel.attestation.json"]
    with pytest.raises(ArgumentError, match=r"^secrets: .* got 0 for 1"):
        zkmargin.prove_margin(*given, [], made_desk / "s.json")
    with pytest.raises(InadequateError, match="binding scenario"):
        zkmargin.prove_margin(*given, [made_desk / "kestrel.opening.json"], made_desk / "s.json")
