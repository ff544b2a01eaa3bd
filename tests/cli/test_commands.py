"""The commands of docs/tutorial.md on the real chain, from prices to a verdict, through files alone."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from support.shell_desk import ACCOUNT, AT, VENUES, pairs, positions

EVALUATE = ["worst_scenario", "nlv_usd", "requirement_usd", "slack_usd", "adequate", "scenarios"]


def test_market_build_says_what_it_made(zkmargin: Any, desk: Path) -> None:
    made = zkmargin(
        *("market", "build", "--instruments", desk / "i.json", "--policy", "span", "--setup", desk / "s.json"),
        *("--out", desk / "again.json", "--json"),
    )
    assert made.code == 0
    assert (made.json["instruments"], made.json["listed"], made.json["policy"]) == (331, 331, "span")
    assert made.json["epoch"] == json.loads((desk / "m.json").read_text())["epoch"]


def test_import_says_what_it_found(zkmargin: Any, desk: Path, chain: Path) -> None:
    found = zkmargin("market", "import-deribit", chain, "--out", desk / "i2.json", "--json")
    assert found.json["kinds"] == {"cash": 1, "spot": 1, "future": 3, "option": 326}
    assert (desk / "i2.json").read_bytes() == (desk / "i.json").read_bytes()


def test_attest_names_its_signer_and_keeps_the_opening_secret(zkmargin: Any, desk: Path) -> None:
    attestation = json.loads((desk / "kestrel.attestation.json").read_text())
    assert set(attestation) == {
        *("format", "version", "attestor", "venue", "account", "universe", "commitment", "snapshot_time"),
        *("sequence", "signature"),
    }
    assert attestation["snapshot_time"] == "2020-05-21T23:22:35Z"
    assert attestation["sequence"] == 1590103355000
    assert attestation["account"].lower() == ACCOUNT
    assert stat.S_IMODE((desk / "kestrel.opening.json").stat().st_mode) == 0o600


def test_evaluate(zkmargin: Any, desk: Path) -> None:
    arguments = ["evaluate", "--market", desk / "m.json", "--policy", "span", *positions(desk)]
    told = zkmargin(*arguments, "--json")
    assert told.code == 0
    assert set(EVALUATE) <= set(told.json)
    assert told.json["adequate"] is True
    assert set(told.json["scenarios"][0]) == {"name", "pnl_usd", "slack_usd"}
    assert told.json["worst_scenario"] in {scenario["name"] for scenario in told.json["scenarios"]}
    table = zkmargin(*arguments)
    assert table.out.startswith("The account is adequate under span.")
    assert table.out.count("<- binds") == 1
    assert told.json["worst_scenario"] in next(line for line in table.out.splitlines() if "<- binds" in line)


def test_evaluate_of_one_venue_alone_is_exit_code_one(zkmargin: Any, desk: Path) -> None:
    told = zkmargin(
        "evaluate", "--market", desk / "m.json", "--policy", "span", "--positions", desk / "kestrel.csv", "--json"
    )
    assert told.code == 1
    assert told.json["adequate"] is False
    assert told.err == ""


def test_evaluate_under_another_policy_than_the_markets(zkmargin: Any, desk: Path) -> None:
    told = zkmargin("evaluate", "--market", desk / "m.json", "--policy", "paradex", *positions(desk), "--json")
    assert told.json["policy"] == "paradex"


def test_evaluate_draws(zkmargin: Any, desk: Path) -> None:
    arguments = ["evaluate", "--market", desk / "m.json", "--policy", "span", *positions(desk)]
    assert zkmargin(*arguments, "--plot", desk / "map.png").code == 0
    assert (desk / "map.png").read_bytes().startswith(b"\x89PNG")
    assert zkmargin(*arguments, "--plot", desk / "no" / "map.png").code == 2


def test_prove_and_verify(zkmargin: Any, desk: Path) -> None:
    common = ["--market", desk / "m.json", "--policy", "span", "--setup", desk / "s.json"]
    proven = zkmargin("prove", "margin", *common, *pairs(desk), "--out", desk / "second.json", "--json")
    assert proven.code == 0
    first, second = (json.loads((desk / name).read_text()) for name in ("p.json", "second.json"))
    assert first["statement"] == second["statement"] == proven.json["statement"]
    assert first["proof"] != second["proof"]
    for name in ("p.json", "second.json"):
        verdict = zkmargin("verify", desk / name, *common, "--trust", desk / "trust.json", "--at", AT, "--json")
        assert verdict.code == 0
        assert verdict.json["valid"] is True
        assert verdict.json["reason"] is None
        assert verdict.json["account"].lower() == ACCOUNT
        assert verdict.json["policy"] == "span"
        assert verdict.json["epoch"] == first["statement"]["epoch"]
        assert verdict.json["valid_until"] == "2020-05-22T23:22:35Z"
        assert "UNSAFE" in verdict.err


def test_a_verdict_names_what_it_rests_on(zkmargin: Any, desk: Path) -> None:
    common = ["--market", desk / "m.json", "--policy", "span", "--setup", desk / "s.json", "--at", AT]
    proof, setup = json.loads((desk / "p.json").read_text()), json.loads((desk / "s.json").read_text())
    verdict = zkmargin("verify", desk / "p.json", *common, "--trust", desk / "trust.json", "--json").json
    assert verdict == {
        "valid": True,
        "authenticated": True,
        "unsafe_setup": True,
        "reason": None,
        "account": proof["statement"]["account"],
        "policy": "span",
        "policy_digest": proof["statement"]["policy"]["digest"],
        "setup_digest": setup["digest"],
        "ceremony": None,
        "universe": proof["attestations"][0]["universe"],
        "epoch": proof["statement"]["epoch"],
        "attestors": {each["venue"]: each["attestor"] for each in proof["attestations"]},
        "snapshot_time": "2020-05-21T23:22:35Z",
        "sequences": dict.fromkeys(VENUES, 1590103355000),
        "cover": "1",
        "chain_id": 0,
        "gate": "0x0000000000000000000000000000000000000000",
        "verified_at": AT,
        "valid_until": "2020-05-22T23:22:35Z",
    }
    text = zkmargin("verify", desk / "p.json", *common, "--trust", desk / "trust.json").out
    for name in ("policy_digest", "setup_digest", "universe", "epoch", "account", "snapshot_time", "valid_until"):
        assert verdict[name] in text
    for part in (
        "verdict      valid\n",
        "UNSAFE",
        "cover 1",
        "no gate",
        *verdict["attestors"].values(),
        "#1590103355000",
    ):
        assert part in text


def test_whose_signatures_count(zkmargin: Any, desk: Path) -> None:
    common = ["--market", desk / "m.json", "--policy", "span", "--setup", desk / "s.json", "--at", AT]
    signed = {each["venue"]: each["attestor"] for each in json.loads((desk / "p.json").read_text())["attestations"]}
    bare = [f"--attestor={address}" for address in signed.values()]
    named = [f"--attestor={venue}={address}" for venue, address in signed.items()]
    for signers in (bare, named, [*bare[:1], *named[1:]]):
        trusted = zkmargin("verify", desk / "p.json", *common, *signers)
        assert (trusted.code, trusted.out.splitlines()[0]) == (0, "verdict      valid")
        assert "UNAUTHENTICATED" not in trusted.out + trusted.err
    assert "any attestor will do" in zkmargin("verify", desk / "p.json", *common).line
    anybody = zkmargin("verify", desk / "p.json", *common, "--any-attestor")
    assert (anybody.code, "UNAUTHENTICATED" in anybody.out, "UNAUTHENTICATED" in anybody.err) == (0, True, True)
    assert zkmargin("verify", desk / "p.json", *common, "--any-attestor", "--json").json["authenticated"] is False
    for twice in (["--any-attestor", *named], ["--any-attestor", "--trust", desk / "trust.json"]):
        assert "say once who is trusted" in zkmargin("verify", desk / "p.json", *common, *twice).line
    fewer = zkmargin("verify", desk / "p.json", *common, named[0], "--json")
    assert (fewer.code, fewer.json["valid"], fewer.json["authenticated"]) == (1, False, False)
    assert fewer.err.splitlines()[-1].startswith("error: proof rejected: ")


def test_a_trust_file(zkmargin: Any, desk: Path) -> None:
    signed = {each["venue"]: each["attestor"] for each in json.loads((desk / "p.json").read_text())["attestations"]}
    named = [f"--attestor={venue}={address}" for venue, address in signed.items()]
    write = ["trust", "--setup", desk / "s.json", "--out", desk / "t.json"]
    made = zkmargin(*write, *named, "--at", AT, "--json").json
    assert made["venues"] == sorted(VENUES)
    document = json.loads((desk / "t.json").read_text())
    assert document["setup"] == made["setup"] == json.loads((desk / "s.json").read_text())["digest"]
    verify = ["verify", desk / "p.json", "--market", desk / "m.json", "--policy", "span", "--setup", desk / "s.json"]
    assert zkmargin(*verify, "--trust", desk / "t.json").code == 0
    assert zkmargin(*verify, "--trust", desk / "t.json", "--at", "2020-05-23T00:00:00Z").code == 1
    zkmargin("setup", "dev", "--rows", 1024, "--out", desk / "s2.json")
    other = json.loads((desk / "s2.json").read_text())["digest"]
    (desk / "t.json").write_text(json.dumps({**document, "setup": other}))
    assert f"--trust: expected the setup {other}" in zkmargin(*verify, "--trust", desk / "t.json").line
    (desk / "t.json").write_text(json.dumps({**document, "setup": "ceremony"}))
    assert "expected the known ceremony's setup" in zkmargin(*verify, "--trust", desk / "t.json").line
    shared = {venue: [signed["kestrel"]] for venue in VENUES}
    (desk / "t.json").write_text(json.dumps({**document, "venues": shared}))
    assert "expected a key of one venue" in zkmargin(*verify, "--trust", desk / "t.json").line
    assert "expected VENUE=0x" in zkmargin(*write, f"--attestor={signed['kestrel']}").line


def test_require_setup(zkmargin: Any, desk: Path) -> None:
    common = ["--market", desk / "m.json", "--policy", "span", "--setup", desk / "s.json", "--at", AT]
    verify = ["verify", desk / "p.json", *common, "--any-attestor", "--require-setup"]
    digest = json.loads((desk / "s.json").read_text())["digest"]
    named = zkmargin(*verify, digest, "--json")
    assert (named.code, named.json["unsafe_setup"]) == (0, True)  # a development setup stays one
    assert "expected the setup 0x11" in zkmargin(*verify, "0x" + 64 * "1").line
    assert "expected the known ceremony's setup" in zkmargin(*verify, "ceremony").line
    assert "--require-setup: expected 'ceremony', or a digest" in zkmargin(*verify, "hermez").line


def test_a_proof_expires(zkmargin: Any, desk: Path) -> None:
    common = ["--market", desk / "m.json", "--policy", "span", "--setup", desk / "s.json"]
    now = zkmargin("verify", desk / "p.json", *common, "--trust", desk / "trust.json", "--json")
    assert (now.code, now.json["reason"]) == (1, "expired at 2020-05-22T23:22:35Z")
    last = zkmargin(
        "verify", desk / "p.json", *common, "--trust", desk / "trust.json", "--at", "2020-05-23T01:22:35+02:00"
    )
    assert last.code == 0


@pytest.mark.parametrize("backend", ["reference", "portable"])
def test_verify_on_any_back_end(zkmargin: Any, desk: Path, monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    monkeypatch.setenv("ZKMARGIN_BACKEND", backend)
    common = ["--market", desk / "m.json", "--policy", "span", "--setup", desk / "s.json"]
    assert zkmargin("verify", desk / "p.json", *common, "--trust", desk / "trust.json", "--at", AT).code == 0


def test_a_proof_for_a_gate(zkmargin: Any, desk: Path) -> None:
    deployment = {
        "format": "zkmargin/deployment",
        "version": 1,
        "chain_id": 31337,
        "gate": "0x00000000000000000000000000000000000000aa",
        "verifier": {"anything": ["else"]},
    }
    (desk / "d.json").write_text(json.dumps(deployment))
    common = ["--market", desk / "m.json", "--policy", "span", "--setup", desk / "s.json"]
    arguments = ["prove", "margin", *common, *pairs(desk), "--deployment", desk / "d.json", "--out", desk / "g.json"]
    assert zkmargin(*arguments).code == 0
    statement = json.loads((desk / "g.json").read_text())["statement"]
    assert (statement["chain_id"], int(statement["gate"], 16)) == (31337, 0xAA)
    assert zkmargin("verify", desk / "g.json", *common, "--trust", desk / "trust.json", "--at", AT).code == 0
    (desk / "d.json").write_text(json.dumps({**deployment, "chain_id": "31337"}))
    assert "field 'chain_id'" in zkmargin(*arguments).line


def test_sealed_openings(zkmargin: Any, desk: Path) -> None:
    assert zkmargin("keygen", "opening", "--identity", desk / "id.pem", "--recipient", desk / "pub.pem").code == 0
    assert stat.S_IMODE((desk / "id.pem").stat().st_mode) == 0o600
    assert zkmargin("keygen", "opening", "--identity", desk / "id.pem", "--recipient", desk / "x.pem").code == 2
    for venue in VENUES:
        sealed = zkmargin(
            *("attest", "--market", desk / "m.json", "--positions", desk / f"{venue}.csv", "--account", ACCOUNT),
            *("--venue", venue, "--key", desk / f"{venue}.key", "--setup", desk / "s.json"),
            *("--out", desk / f"{venue}.a2", "--secret", desk / f"{venue}.o2", "--recipient", desk / "pub.pem"),
        )
        assert sealed.code == 0
        assert "lots" not in (desk / f"{venue}.o2").read_text()
    common = ["--market", desk / "m.json", "--policy", "span", "--setup", desk / "s.json", "--out", desk / "p2.json"]
    given = pairs(desk, "a2", "o2")
    assert "expected 'zkmargin/opening'" in zkmargin("prove", "margin", *common, *given).line
    assert zkmargin("prove", "margin", *common, *given, "--identity", desk / "id.pem").code == 0
    assert "X25519 private key" in zkmargin("prove", "margin", *common, *given, "--identity", desk / "pub.pem").line


def test_a_later_epoch_keeps_the_rows_and_the_attestations(zkmargin: Any, desk: Path) -> None:
    """Prices of an hour on: the old attestations prove on them. A new listing takes a free row, and nothing moves."""
    later = json.loads((desk / "i.json").read_text())
    later["as_of"] = "2020-05-22T00:20:00Z"
    (desk / "later.json").write_text(json.dumps(later))
    build = ["market", "build", "--policy", "span", "--setup", desk / "s.json", "--universe", desk / "m.json", "--json"]
    same = zkmargin(*build, "--instruments", desk / "later.json", "--out", desk / "same.json").json
    assert same["universe"] == json.loads((desk / "m.json").read_text())["universe_id"]
    common = ["--market", desk / "same.json", "--policy", "span", "--setup", desk / "s.json"]
    assert zkmargin("prove", "margin", *common, *pairs(desk), "--out", desk / "p2.json").code == 0
    assert (
        zkmargin(
            "verify", desk / "p2.json", *common, "--trust", desk / "trust.json", "--at", "2020-05-22T00:24:00Z"
        ).code
        == 0
    )

    new = {**later["instruments"][-1], "id": "BTC-25JUN21-99000-C", "strike_usd": "99000", "option_type": "call"}
    (desk / "listed.json").write_text(json.dumps({**later, "instruments": [*later["instruments"], new]}))
    kept = zkmargin(*build, "--instruments", desk / "listed.json", "--out", desk / "kept.json").json
    assert kept["listed"] == 332
    before, after = (json.loads((desk / name).read_text())["universe"] for name in ("m.json", "kept.json"))
    assert [item for item in after["listings"] if item["id"] != new["id"]] == before["listings"]


def test_a_setup_that_is_too_small(zkmargin: Any, desk: Path) -> None:
    zkmargin("setup", "dev", "--rows", 128, "--out", desk / "tiny.json")
    build = ["market", "build", "--instruments", desk / "i.json", "--policy", "span", "--setup", desk / "tiny.json"]
    assert "do not fit 128 rows" in zkmargin(*build, "--out", desk / "x.json").line
    assert not (desk / "x.json").exists()


def test_threads(zkmargin: Any, desk: Path) -> None:
    common = ["--market", desk / "m.json", "--policy", "span", "--setup", desk / "s.json", "--at", AT]
    assert zkmargin("verify", desk / "p.json", *common, "--trust", desk / "trust.json", "--threads", 1).code == 0
    assert zkmargin("verify", desk / "p.json", *common, "--trust", desk / "trust.json", "--threads", 0).code == 2


def test_disclose(zkmargin: Any, desk: Path) -> None:
    common = ["--market", desk / "m.json", "--setup", desk / "s.json"]
    trust = ["--trust", desk / "trust.json"]
    words = ["--auditor", "Ash & Birch", "--purpose", "year end", "--exposure", "delta:BTC"]
    made = zkmargin("disclose", *common, *pairs(desk), *words, "--out", desk / "disclosed.json", "--json")
    assert (made.code, made.json["exposure"], made.json["unit"]) == (0, "delta:BTC", "BTC")
    found = zkmargin("check-disclosure", desk / "disclosed.json", *common, *trust, "--auditor", "Ash & Birch", "--json")
    assert found.code == 0
    assert (made.json["authenticated"], found.json["authenticated"]) == (False, True)
    assert {**found.json, "authenticated": False, "unsafe_setup": True} == made.json
    assert zkmargin("check-disclosure", desk / "disclosed.json", *common, *trust, "--policy", "span").code == 0
    other = zkmargin("check-disclosure", desk / "disclosed.json", *common, *trust, "--auditor", "Oak & Elm")
    assert other.code == 1
    assert "proof rejected: the disclosure is addressed to another auditor" in other.err
    document = json.loads((desk / "disclosed.json").read_text())
    (desk / "altered.json").write_text(json.dumps({**document, "units": str(int(document["units"]) + 1)}))
    shutil.copy(desk / "disclosed.npz", desk / "altered.npz")
    assert zkmargin("check-disclosure", desk / "altered.json", *common, *trust).code == 1


def test_the_same_words_for_a_wrong_command(zkmargin: Any) -> None:
    assert "Did you mean 'verify'" in zkmargin("verfy").line
