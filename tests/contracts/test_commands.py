"""`zkmargin chain` against a node of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zkmargin.api import margin as api
from zkmargin.api.key_files import write_signing_key
from zkmargin.circuits.statements.margin.files import write_margin_proof
from zkmargin.circuits.statements.margin.market import write_market
from zkmargin.cli.main import run
from zkmargin.prover.setup import save_setup
from zkmargin.prover.signing import address_of_key
from zkmargin.verifier.ethereum import format_address

from .chains import OWNER, Anvil, anvil_program, running_anvil
from .desk import VENUES, Desk, account

pytestmark = pytest.mark.skipif(
    anvil_program() is None, reason="anvil is not installed: run npm install in verifier/contracts"
)


def command(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_whole_story(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk.of("collateral-factors")
    setup, market, deployment, key = (tmp_path / name for name in ("s.json", "m.json", "d.json", "k.key"))
    save_setup(desk.setup, setup)
    write_market(market, desk.market)
    write_signing_key(key, OWNER)
    venues = [f"{name}={format_address(address_of_key(secret))}" for name, secret in VENUES.items()]
    with running_anvil(desk.time + 60) as node:
        assert isinstance(node, Anvil)
        rpc = ("--rpc", node.url)
        named = [part for venue in venues for part in ("--venue", venue)]
        code, out, err = command(
            capsys, "chain", "deploy", *rpc, "--key", key, "--policy", "collateral-factors", "--setup", setup, *named,
            "--out", deployment, "--chain-id", "31337", "--json",
        )  # fmt: skip
        assert code == 0, err
        deployed = json.loads(out)
        assert deployed["chain_id"] == 31337
        assert deployed["gas_used"] > 0

        here = (*rpc, "--deployment", deployment)
        code, _, err = command(capsys, "chain", "status", *here, "--account", account(1), "--json")
        assert code == 0, err
        code, out, err = command(capsys, "chain", "publish", *here, "--key", key, "--market", market, "--json")
        assert code == 0, err
        assert json.loads(out)["new_verifier"]

        record = json.loads(deployment.read_text())
        assert record["format"] == "zkmargin/deployment"
        pairs = desk.attest(account(1))
        proof = tmp_path / "p.json"
        api.prove_margin(
            desk.market, desk.policy, [a for a, _ in pairs], [o for _, o in pairs], desk.setup,
            deployment=deployment, out=proof,
        )  # fmt: skip
        submit = ("chain", "submit", proof, *here, "--key", key, "--market", market, "--json")
        code, out, err = command(capsys, *submit)
        assert code == 0, err
        sent = json.loads(out)
        assert sent["gas_used"] > 300_000
        assert sent["transaction"].startswith("0x")
        code, out, err = command(capsys, "chain", "status", *here, "--account", account(1), "--json")
        assert code == 0, err
        found = json.loads(out)
        assert found["adequate"] is True
        assert found["epoch"] == "0x" + desk.market.epoch_id.hex()
        assert found["expires_at"]
        assert found["policy"]["name"] == "collateral-factors"

        audited = ("chain", "audit", *here, "--policy", "collateral-factors", "--setup", setup, "--market", market)
        code, out, err = command(capsys, *audited, "--json")
        assert code == 0, out + err
        report = json.loads(out)
        assert report["stands"] is True
        assert any("listed without a delay" in danger for danger in report["dangers"])
        assert any(power.endswith("after 172800 s") for power in report["powers"].values())

        venue_key = tmp_path / "kestrel.key"
        write_signing_key(venue_key, VENUES["kestrel"])
        taken_back = (
            *("revoke", *here, "--key", key, "--venue-key", venue_key, "--venue", "kestrel", "--account", account(1)),
            *("--universe", "0x" + desk.market.universe.hex(), "--json", "--sequence"),
        )
        code, out, err = command(capsys, *taken_back, "1")
        assert code == 0, err
        code, out, err = command(capsys, "chain", "status", *here, "--account", account(1), "--json")
        assert (json.loads(out)["revoked"], json.loads(out)["adequate"]) == (True, False)
        code, out, err = command(capsys, *taken_back, "0")
        assert code == 0, err

        code, out, err = command(capsys, *submit)
        assert (code, out) == (2, "")
        assert "not older than this proof" in err
        assert err.count("\n") == 1

        # A proof that proves nothing: exit code 1.
        margin = desk.prove(desk_target(deployment), account(2))
        altered = margin.proof[:-200] + bytes([margin.proof[-200] ^ 1]) + margin.proof[-199:]
        write_margin_proof(proof, type(margin)(margin.statement, margin.policy_name, margin.attestations, altered))
        code, out, err = command(capsys, *submit)
        assert (code, out) == (1, "")
        assert "rejected: on chain" in err

    code, out, err = command(capsys, "chain", "status", *here, "--account", account(1))
    assert (code, out) == (2, "")
    assert "the node does not answer" in err


def desk_target(path: Path) -> api.Deployment:
    from zkmargin.verifier.statements.deployment import read_deployment  # noqa: PLC0415

    return read_deployment(path)


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = tmp_path / "k.key"
    write_signing_key(key, OWNER)
    setup = tmp_path / "s.json"
    save_setup(Desk.of("collateral-factors").setup, setup)
    common = ("chain", "deploy", "--key", key, "--policy", "span", "--setup", setup, "--out", tmp_path / "d.json",
              "--chain-id", "31337")  # fmt: skip
    for rpc, venue, words in (
        ("nowhere", "a=" + account(1), "expected an http or https address"),
        ("http://127.0.0.1:1", "a=" + account(1), "the node does not answer"),
        ("http://127.0.0.1:1", "a", "expected NAME=0x"),
        ("http://127.0.0.1:1", "a=0x12", "expected an address"),
    ):
        code, out, err = command(capsys, *common, "--rpc", rpc, "--venue", venue)
        assert (code, out) == (2, "")
        assert words in err, err
