"""What a killed command leaves is found, named and removed; names are taken once; a work folder has one worker."""

from __future__ import annotations

import os
import secrets
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.solvency import terms

import zkmargin
from zkmargin.api.key_files import read_signing_key, write_opening_keys, write_signing_key
from zkmargin.circuits.statements.solvency.files import write_terms
from zkmargin.cli import console
from zkmargin.prover.signing import address_of_key
from zkmargin.prover.staging import BusyError, leftovers, locked, remove_leftover, staging
from zkmargin.prover.writing import appearing, create_secret, replacing


def left_behind(folder: Path) -> Path:
    """What SIGKILL leaves of a secret that was being written."""
    code = (
        "import os; from zkmargin.prover.writing import replacing\n"
        f"with replacing({str(folder / 'secret.json')!r}, secret=True) as stream:\n"
        "    stream.write(b'holdings'); stream.flush(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], timeout=60, check=False)  # noqa: S603
    (left,) = folder.glob(".zkmargin-*.tmp")
    return left


def test_a_leftover_is_private_named_and_removed(zkmargin: Any, tmp_path: Path) -> None:
    left = left_behind(tmp_path)
    assert stat.S_IMODE(left.stat().st_mode) == 0o700
    assert [stat.S_IMODE(each.stat().st_mode) for each in left.iterdir()] == [0o600]
    named = zkmargin("setup", "dev", "--rows", 16, "--out", tmp_path / "s.json")
    assert named.code == 0
    assert f"{left}: left behind by an interrupted command; `zkmargin clean {tmp_path}` removes it" in named.err
    shown = zkmargin("clean", tmp_path, "--dry-run", "--json")
    assert (shown.code, shown.json) == (0, {"removed": False, "leftovers": [str(left)]})
    assert left.exists()
    cleaned = zkmargin("clean", tmp_path)
    assert cleaned.code == 0
    assert cleaned.out.splitlines()[0] == str(left)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["s.json", "s.npz"]
    assert "left behind" not in zkmargin("doctor", "--setup", tmp_path / "s.json").err
    assert zkmargin("clean", tmp_path / "none").line.endswith("none: expected a folder")


def test_clean_looks_inside_and_leaves_what_is_being_written(zkmargin: Any, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    left = left_behind(tmp_path / "a" / "b")
    ours = tmp_path / ".zkmargin-notes.tmp"
    ours.mkdir()
    with staging(tmp_path / "out") as live:
        assert leftovers(tmp_path) == []
        with pytest.raises(BusyError):
            remove_leftover(live)
        assert zkmargin("clean", tmp_path).out.splitlines() == [str(left), "1 leftovers removed"]
        assert live.exists()
    assert list(tmp_path.rglob(".zkmargin-*")) == [ours]


@pytest.mark.parametrize("make", [appearing, replacing])
def test_nothing_half_made_lies_in_a_folder_that_is_handed_out(tmp_path: Path, make: Any) -> None:
    handed_out = tmp_path / "all"
    handed_out.mkdir()
    with make(handed_out / "00000", outside=handed_out):
        assert list(handed_out.iterdir()) == []
        assert len(list(tmp_path.glob(".zkmargin-*.tmp"))) == 1
    assert [each.name for each in handed_out.iterdir()] == ["00000"]
    assert list(tmp_path.iterdir()) == [handed_out]


def test_a_key_is_taken_once_however_many_want_its_name(tmp_path: Path) -> None:
    def make(path: Path) -> bytes | None:
        try:
            return write_signing_key(path)
        except FileExistsError:
            return None

    with ThreadPoolExecutor(8) as pool:
        for index in range(25):
            path = tmp_path / f"key{index}"
            made = [address for address in pool.map(make, [path] * 8) if address]
            assert made == [address_of_key(read_signing_key(path))]
    assert leftovers(tmp_path) == []


def test_processes_race_for_a_key(tmp_path: Path) -> None:
    code = "from zkmargin.cli import main; main()"
    arguments = [sys.executable, "-c", code, "keygen", "signing", "--out", str(tmp_path / "key")]
    racing = [subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]  # noqa: S603
    ended = [(*process.communicate(timeout=120), process.returncode) for process in racing]
    winners = [out for out, _, code in ended if code == 0]
    assert len(winners) == 1
    assert address_of_key(read_signing_key(tmp_path / "key")).hex() in winners[0].decode().lower()
    assert all(code == 2 for out, _, code in ended if out not in winners)


def test_what_force_replaces_and_nothing_else(zkmargin: Any, tmp_path: Path) -> None:
    write_signing_key(tmp_path / "k")
    write_opening_keys(tmp_path / "id.pem", tmp_path / "pub.pem")
    first = {each.read_bytes() for each in tmp_path.iterdir()}
    pair = ["keygen", "opening", "--identity", tmp_path / "id.pem", "--recipient", tmp_path / "pub.pem"]
    for command in (["keygen", "signing", "--out", tmp_path / "k"], pair):
        before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
        assert "which is not replaced" in zkmargin(*command).line
        assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before
        assert zkmargin(*command, "--force").code == 0
    assert not {each.read_bytes() for each in tmp_path.iterdir()} & first


def test_a_name_without_links_is_taken_once_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    with replacing(tmp_path / "a", replace=False) as stream:
        stream.write(b"first")
    with pytest.raises(FileExistsError, match="it is not replaced"), replacing(tmp_path / "a", replace=False) as stream:
        stream.write(b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_two_folders_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match="not replaced") as caught, appearing(tmp_path / "w") as late:  # noqa: PT012
        create_secret(late / "late", b"")
        with appearing(tmp_path / "w") as early:
            create_secret(early / "early", b"")
    assert caught.value.filename == str(tmp_path / "w")
    assert [each.name for each in (tmp_path / "w").iterdir()] == ["early"]


def test_a_work_folder_has_one_worker(zkmargin: Any, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("customer,asset,equity,debt,collateral\nanna,BTC,3,0,0\n")
    write_terms(tmp_path / "t.json", terms(exchange="Harbor"))
    setup = zkmargin_setup(tmp_path)
    commit = ["--terms", tmp_path / "t.json", "--customers", tmp_path / "b.csv", "--setup", setup, "--rows", 64]
    assert zkmargin("solvency", "commit", *commit, "--out", tmp_path / "w").code == 0
    prove = ["solvency", "prove", "--work", tmp_path / "w", "--setup", setup, "--out", tmp_path / "st.json"]
    with locked(tmp_path / "w"):
        outcome = zkmargin(*prove)
        assert outcome.code == 2
        assert f"{tmp_path / 'w'}: expected it to be free" in outcome.line
        assert f"process {os.getpid()}" in outcome.line
    assert zkmargin(*prove).code == 1  # no reserves
    with locked(tmp_path / "w"):
        pass


def zkmargin_setup(folder: Path) -> Path:
    zkmargin.development_setup(128, out=folder / "s.json")
    return folder / "s.json"


def test_a_folder_that_cannot_be_written_to_is_locked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def read_only(path: Any, flags: int, *more: Any) -> int:
        if flags & os.O_CREAT:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, flags, *more)

    monkeypatch.setattr(os, "open", read_only)
    with locked(tmp_path), pytest.raises(BusyError, match="another command works in it"), locked(tmp_path):
        pass


def test_long_work_prints_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "FIRST_LINE_SECONDS", 0.05)
    monkeypatch.setattr(console, "LINE_SECONDS", 0.05)
    with console.progress() as report:
        report("proving", 12, 32)
        time.sleep(0.3)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2
    assert lines[0] == "0 s: proving, 37 %"
    with console.progress():
        pass
    assert capsys.readouterr().err == ""


def test_names_of_leftovers_are_unmistakable(tmp_path: Path) -> None:
    for name in (
        ".zkmargin-1.tmp",
        f".zkmargin-{secrets.token_hex(8)}.tmp.bak",
        f"zkmargin-{secrets.token_hex(8)}.tmp",
    ):
        (tmp_path / name).mkdir()
    assert leftovers(tmp_path, deep=True) == []
