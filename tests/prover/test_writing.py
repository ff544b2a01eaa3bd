"""Writing that is whole or not at all."""

import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zkmargin.prover import writing
from zkmargin.prover.writing import appearing, create_secret, encode_compactly, replacing, write_document
from zkmargin.verifier.documents import read_arrays, read_document
from zkmargin.verifier.errors import FormatError

ARRAYS = {"values": np.arange(6, dtype="<u8").reshape(2, 3), "flags": np.array([1, 0], dtype="|u1")}
SHAPES = {"values": ("<u8", (2, 3)), "flags": ("|u1", (2,))}


def test_objects_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"[Pp]ickle|Object arrays"):
        write_document(tmp_path / "x.json", "thing", {}, arrays={"x": np.array([{}], dtype=object)})
    assert os.listdir(tmp_path) == []


def test_the_document_and_its_arrays_need_two_names(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"does not end in \.npz"):
        write_document(tmp_path / "x.npz", "thing", {}, arrays=ARRAYS)
    assert os.listdir(tmp_path) == []


# -- whole or not at all -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("existing", [False, True])
def test_an_interrupted_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, error: Any, existing: bool
) -> None:
    path = tmp_path / "thing.json"
    if existing:
        write_document(path, "thing", {"old": 1}, arrays=ARRAYS)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        if failing == "fsync":
            patch.setattr(writing.os, "fsync", fail)
        else:
            patch.setattr(Path, "replace", fail)
        with pytest.raises((KeyboardInterrupt, OSError)):
            write_document(path, "thing", {"new": 1}, arrays={"values": np.zeros(3)})
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == before


def test_an_interruption_between_the_two_renames_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "thing.json"
    write_document(path, "thing", {"old": 1}, arrays=ARRAYS)
    rename = Path.replace

    def only_arrays(self: Path, target: Path) -> Path:
        if target.suffix == ".json":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", only_arrays)
    with pytest.raises(KeyboardInterrupt):
        write_document(path, "thing", {"new": 1}, arrays={"values": np.zeros(3)})
    document = read_document(path, "thing")
    assert document["old"] == 1
    with pytest.raises(FormatError, match="belongs to another document"):
        read_arrays(path, document, SHAPES)


def test_an_exception_in_the_block_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), replacing(path) as stream:  # noqa: PT012
        stream.write(b"new")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with appearing(tmp_path / "whole") as folder:
        create_secret(folder / "thing.json", encode_compactly("thing", {"a": 'Zo\u00eb \u2260 "'}))
        with pytest.raises(FileExistsError):
            create_secret(folder / "thing.json", b"")
        assert not (tmp_path / "whole").exists()
    assert os.listdir(tmp_path / "whole") == ["thing.json"]
    assert read_document(tmp_path / "whole" / "thing.json", "thing") == {"a": 'Zo\u00eb \u2260 "'}
    assert (tmp_path / "whole" / "thing.json").stat().st_mode & 0o077 == 0
    with pytest.raises(ZeroDivisionError), appearing(tmp_path / "half") as folder:  # noqa: PT012
        write_document(folder / "thing.json", "thing", {})
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == ["whole"]
    with pytest.raises(FileNotFoundError) as caught, appearing(tmp_path / "no" / "folder"):
        pass
    assert caught.value.filename == str(tmp_path / "no" / "folder")


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_secret_files_are_their_owners_alone(tmp_path: Path) -> None:
    previous = os.umask(0o022)
    try:
        write_document(tmp_path / "secret.json", "thing", {}, arrays=ARRAYS, secret=True)
        write_document(tmp_path / "open.json", "thing", {}, arrays=ARRAYS)
    finally:
        os.umask(previous)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"secret.json": 0o600, "secret.npz": 0o600, "open.json": 0o644, "open.npz": 0o644}


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_a_secret_never_inherits_the_mode_of_what_it_replaces(tmp_path: Path) -> None:
    path = tmp_path / "secret.json"
    path.write_text("")
    path.chmod(0o644)
    write_document(path, "thing", {}, secret=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_missing_folder_is_named_by_the_files_own_name(tmp_path: Path) -> None:
    path = tmp_path / "no" / "thing.json"
    with pytest.raises(FileNotFoundError) as caught:
        write_document(path, "thing", {})
    assert caught.value.filename == str(path)
