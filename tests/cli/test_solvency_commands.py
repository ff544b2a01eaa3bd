"""`zkmargin solvency`, from terms and balances to a verified statement, inclusion files, the page and the report."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from support.solvency import WALLET_KEY, terms

from zkmargin.api.key_files import write_signing_key
from zkmargin.circuits.statements.solvency.files import write_terms
from zkmargin.cli.main import run
from zkmargin.exchange.epoch_folder import open_epoch_folder
from zkmargin.prover.setup import load_setup_key
from zkmargin.prover.writing import write_document
from zkmargin.verifier import srs
from zkmargin.verifier.statements.solvency.terms import KIND

BALANCES = """customer,asset,equity,debt,collateral
anna,BTC,3,0,0
bela,BTC,12,0,12
bela,USD,0,900,0
carl,BTC,3.0000,0,0
<i>dora</i>,USD,7.00,0,0
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the commands make."""
    folder = tmp_path_factory.mktemp("solvency")
    (folder / "b.csv").write_text(BALANCES)
    write_terms(folder / "t.json", terms(exchange="Harbor"))
    write_signing_key(folder / "k", WALLET_KEY)
    for command in (
        "setup dev --rows 128 --out {d}/s.json",
        "solvency commit --terms {d}/t.json --customers {d}/b.csv --setup {d}/s.json --rows 64 --out {d}/w",
        "solvency attest --terms {d}/t.json --epoch {e} --key {d}/k --chain eip155:1 --amount BTC=100 --amount USD=50 "
        "--out {d}/r.json",
        "solvency prove --work {d}/w --setup {d}/s.json --reserves {d}/r.json --out {d}/st.json",
        "solvency inclusion --work {d}/w --statement {d}/st.json --setup {d}/s.json --customer bela --out {d}/i.json",
        "solvency inclusion --work {d}/w --statement {d}/st.json --setup {d}/s.json --out {d}/all",
        "solvency inclusion page --statement {d}/st.json --setup {d}/s.json --out {d}/page.html",
        "solvency report {d}/st.json --setup {d}/s.json --terms {d}/t.json --out {d}/report.html",
    ):
        assert call(folder, command) == 0, command
    return folder


def call(folder: Path, command: str) -> int:
    epoch = "0x" + open_epoch_folder(folder / "w").epoch.hex() if "{e}" in command else ""
    return run([part.format(d=folder, e=epoch) for part in command.split()])


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_the_statement_verifies(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(made, "solvency verify {d}/st.json --setup {d}/s.json --terms {d}/t.json --json") == 0
    verdict = printed(capsys)
    assert verdict["valid"] is True
    assert verdict["reserves"] == {"BTC": "100", "USD": "50"}
    assert verdict["owed"] is None
    assert verdict["totals"] == {"debt": {"USD": "900"}, "collateral": {"BTC": "12"}}
    digest = json.loads((made / "s.json").read_text())["digest"]
    assert (verdict["unsafe_setup"], verdict["ceremony"], verdict["setup_digest"]) == (True, None, digest)
    assert call(made, f"solvency verify {{d}}/st.json --setup {{d}}/s.json --require-setup {digest}") == 0
    assert f"setup        {digest}, UNSAFE" in capsys.readouterr().out
    assert call(made, "verify {d}/st.json --setup {d}/s.json --require-setup ceremony") == 2
    assert "expected the known ceremony's setup" in capsys.readouterr().err
    assert call(made, "solvency verify {d}/st.json --setup {d}/s.json") == 0
    assert "verdict      valid" in capsys.readouterr().out
    assert call(made, "verify {d}/st.json --setup {d}/s.json --json") == 0
    assert printed(capsys) == verdict
    assert call(made, "verify {d}/r.json --setup {d}/s.json") == 2
    assert "field 'format': expected a margin proof" in capsys.readouterr().err


def test_other_terms_and_damaged_statements_are_told_apart(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_terms(made / "other.json", terms(exchange="Elsewhere"))
    assert call(made, "solvency verify {d}/st.json --setup {d}/s.json --terms {d}/other.json") == 1
    assert "other terms" in capsys.readouterr().err
    for suffix in ("json", "npz"):
        shutil.copy(made / f"st.{suffix}", made / f"bad.{suffix}")
    document = json.loads((made / "st.json").read_text())
    settlement = document["settlement"]
    changed = settlement[:-2] + ("0" if settlement[-2] != "0" else "1") + settlement[-1]
    # The arrays keep the name that the document states.
    document = {**document, "settlement": changed}
    (made / "bad.json").write_text(json.dumps(document))
    assert call(made, "solvency verify {d}/bad.json --setup {d}/s.json --json") in (1, 2)
    assert call(made, "solvency verify {d}/none.json --setup {d}/s.json") == 2


def test_a_customer_checks_a_file(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check = "solvency inclusion check {d}/i.json --customer BELA --setup {d}/s.json"
    assert call(made, check + " --statement {d}/st.json --json") == 0
    result = printed(capsys)
    assert result["included"] is True
    assert (result["unsafe_setup"], result["ceremony"]) == (True, None)
    assert {"asset": "BTC", "equity": "12", "debt": "0", "collateral": "12"} in result["balances"]
    digest = result["liabilities"]
    assert call(made, f"{check} --liabilities {digest}") == 0
    assert re.search(r"YOU ARE +bela\n", capsys.readouterr().out)
    assert call(made, check) == 2
    assert "the liabilities digest that auditors publish" in capsys.readouterr().err
    other = "0x" + "00" * 32
    assert call(made, f"{check} --liabilities {other}") == 1
    assert call(made, f"{check} --liabilities 0x12") == 2


def test_files_made_at_once_are_those_made_one_by_one(made: Path) -> None:
    files = {path.read_bytes() for path in (made / "all").rglob("*.json")}
    assert len(files) == 4
    assert (made / "i.json").read_bytes() in files


def test_a_batch_that_is_there_is_kept(made: Path) -> None:
    command = "solvency inclusion --work {d}/w --statement {d}/st.json --setup {d}/s.json --out {d}/all"
    batches = sorted((made / "all").iterdir())
    before = {path: path.stat().st_mtime_ns for path in (made / "all").rglob("*.json")}
    again = {path: path.read_bytes() for path in batches[0].iterdir()}
    for path in again:
        path.unlink()
    batches[0].rmdir()
    assert call(made, command) == 0
    assert sorted((made / "all").iterdir()) == batches
    assert all(path.stat().st_mtime_ns == old for path, old in before.items() if path not in again)
    assert {path: path.read_bytes() for path in batches[0].iterdir()} == again


def test_an_archive_a_batch_holds_the_same_files(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = "solvency inclusion --work {d}/w --statement {d}/st.json --setup {d}/s.json --archive"
    assert call(made, command + " --out {d}/zipped --json") == 0
    result = printed(capsys)
    assert (result["out"], result["files"], result["unsafe_setup"]) == (str(made / "zipped"), 4, True)
    archives = sorted((made / "zipped").iterdir())
    assert [path.name for path in archives] == ["00000.zip"]
    assert archives[0].stat().st_mode & 0o077 == 0
    with ZipFile(archives[0]) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    assert found == {path.name: path.read_bytes() for path in (made / "all").rglob("*.json")}
    before = archives[0].stat().st_mtime_ns
    assert call(made, command + " --out {d}/zipped") == 0
    assert archives[0].stat().st_mtime_ns == before
    whole = archives[0].read_bytes()
    archives[0].unlink()
    assert call(made, command + " --out {d}/zipped") == 0
    assert archives[0].read_bytes() == whole
    assert call(made, command + " --customer bela --out {d}/b.json") == 2
    assert not (made / "b.json").exists()


def test_nobody_else_has_a_file(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = "solvency inclusion --work {d}/w --statement {d}/st.json --setup {d}/s.json --customer zeno --out {d}/z"
    assert call(made, command) == 2
    assert "found nobody of that id" in capsys.readouterr().err
    assert call(made, "solvency inclusion --work {d}/w") == 2


def test_pages_say_which_setup_and_that_it_is_unsafe(made: Path) -> None:
    digest = json.loads((made / "s.json").read_text())["digest"]
    for name in ("report.html", "page.html"):
        page = (made / name).read_text()
        assert "UNSAFE setup" in page
        assert digest in page


def test_pages_name_the_ceremony(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The development setup stands for the ceremony's."""
    monkeypatch.setattr(srs, "CEREMONY_G2_X", load_setup_key(made / "s.json").g2_x)
    command = "solvency report {d}/st.json --setup {d}/s.json --terms {d}/t.json --require-setup ceremony --out "
    assert call(made, f"{command}{tmp_path}/report.html") == 0
    command = "solvency inclusion page --statement {d}/st.json --setup {d}/s.json --out "
    assert call(made, f"{command}{tmp_path}/page.html") == 0
    for name in ("report.html", "page.html"):
        page = (tmp_path / name).read_text()
        assert "UNSAFE" not in page
        assert "Perpetual Powers of Tau" in page


def test_the_report_is_one_page_without_secrets(made: Path) -> None:
    page = (made / "report.html").read_text()
    assert "The reserves that were signed for cover what all accounts hold, less what customers owe" in page
    assert "Harbor" in page
    for secret in ("anna", "bela", "dora", json.loads((made / "w" / "epoch.json").read_text())["master"]):
        assert secret not in page


def test_reserves_that_fall_short_are_exit_code_one(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    attest = "solvency attest --terms {d}/t.json --epoch {e} --key {d}/k --chain eip155:1 --amount BTC=17 --out {d}/few"
    assert call(made, attest) == 0
    prove = "solvency prove --work {d}/w --setup {d}/s.json --reserves {d}/few --out {d}/no.json"
    assert call(made, prove) == 1
    assert "reserves of BTC are less than what is owed" in capsys.readouterr().err
    assert not (made / "no.json").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("--chain eip155:1 --custodian x --amount BTC=1", "either a chain, for a wallet, or a custodian"),
        ("--chain eip155:5 --amount BTC=1", "a chain of the terms"),
        ("--custodian vault --amount BTC=1", "a custodian of the terms"),
        ("--chain eip155:1 --amount ETH=1", "an asset of the terms"),
        ("--chain eip155:1 --amount BTC", "ASSET=AMOUNT"),
        ("--chain eip155:1 --amount BTC=0.00001", "at most 4 decimals"),
        ("--chain eip155:1 --amount BTC=1 --epoch 0x12", "--epoch: expected 0x and 64"),
    ],
)
def test_bad_reserves_are_named(made: Path, capsys: pytest.CaptureFixture[str], arguments: str, why: str) -> None:
    command = "solvency attest --terms {d}/t.json --epoch {e} --key {d}/k --out {d}/x.json " + arguments
    assert call(made, command) == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"coverage": "sum"}, "coverage: expected 'asset' or 'value'"),
        ({"totals": None}, "field 'totals'"),
        ({"assets": []}, "expected 1 to"),
        ({"exchange": ""}, "exchange: '': expected a name"),
        ({"value_decimals": 18}, "a lot is worth 2^52"),
    ],
)
def test_bad_terms_are_named(made: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], why: str) -> None:
    write_document(made / "bad-terms.json", KIND, {**terms().to_json(), **changes})
    command = "solvency commit --terms {d}/bad-terms.json --customers {d}/b.csv --setup {d}/s.json --out {d}/w9"
    assert call(made, command) == 2
    assert why in capsys.readouterr().err


def test_bad_tiers_are_named() -> None:
    asset = terms().assets[0]
    for tiers, why in (
        (asset.tiers[::-1], "the first from 0"),
        ((asset.tiers[0], replace(asset.tiers[1], ratio=asset.tiers[0].ratio * 2)), "ratios that never do"),
    ):
        with pytest.raises(ValueError, match=why):
            terms(assets=(replace(asset, tiers=tiers),))


# -- the page ----------------------------------------------------------------------------------------------------------

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def in_browser(page: Path, script: str) -> str:
    """What a script, run in the page after its own, leaves in the element `done`."""
    copy = page.with_name("driven.html")
    copy.write_text(page.read_text().replace("</body>", f'<pre id="done"></pre><script>{script}</script></body>'))
    done = subprocess.run(  # noqa: S603
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=600000",
            "--dump-dom",
            copy.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=580,
    )
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_customer_drops_a_file_into_the_page(made: Path) -> None:
    for text, verdict in (
        ((made / "i.json").read_text(), "Included in full"),
        ((made / "i.json").read_text().replace('"120000"', '"120001"').replace("100000", "100001"), "Not included"),
        ("{}", "Not checked"),
        ("%PDF-1.7", "Not checked"),
    ):
        script = f"""
            const transfer = new DataTransfer();
            transfer.items.add(new File([{json.dumps(text)}], "i.json"));
            document.getElementById("customer").value = " Bela ";
            document.getElementById("drop").dispatchEvent(new DragEvent("drop", {{dataTransfer: transfer}}));
        """
        shown = in_browser(made / "page.html", script)
        assert verdict in shown
        assert ("<td>12</td>" in shown) == (verdict == "Included in full")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_page_judges_a_thousand_tampered_files_rightly(made: Path) -> None:
    text = (made / "i.json").read_text()
    script = f"""
        const text = {json.dumps(text)};
        const check = (text) => zkmargin.check(new TextEncoder().encode(text), "bela");
        const places = [...text].map((c, i) => i).filter((i) => i > text.indexOf('"customer"')
            && /[0-9a-f]/.test(text[i]) && !/["x0]/.test(text[i - 1]));
        let accepted = 0, rejected = 0;
        const end = text.indexOf('"liabilities"');
        for (let turn = 0; turn < 1000; turn += 1) {{
            const i = places[Math.floor(turn * places.length / 1000)];
            if (i > end) {{ rejected += 1; continue; }}
            try {{
                check(text.slice(0, i) + (text[i] === "1" ? "2" : "1") + text.slice(i + 1));
                accepted += 1;
            }} catch {{ rejected += 1; }}
        }}
        check(text);
        document.getElementById("done").textContent = `accepted ${{accepted}}, rejected ${{rejected}}, honest passes`;
    """
    found = re.search(r"accepted (\d+), rejected (\d+), honest passes", in_browser(made / "page.html", script))
    assert found is not None
    assert found.groups() == ("0", "1000")
