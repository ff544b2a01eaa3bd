"""Setups made for development, the bases made from a setup, and the cache that is never believed."""

import os
import pickle
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest

from zkmargin.prover.kernels import describe_backends, load_backend
from zkmargin.prover.kernels.interface import Backend
from zkmargin.prover.kernels.reference import ReferenceBackend
from zkmargin.prover.setup import (
    BLINDING_POINTS,
    CacheWarning,
    Setup,
    SetupError,
    cache,
    checked,
    development,
    development_setup,
    provenance,
    verify_setup,
)
from zkmargin.prover.setup import srs as made_setups
from zkmargin.verifier import srs
from zkmargin.verifier.curve import G1_GENERATOR, PythonEngine
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import SCALAR_MODULUS, inverse, root_of_unity
from zkmargin.verifier.srs import SetupKey, srs_digest

X = 0x1234567890ABCDEF1234567890ABCDEF


@pytest.fixture
def known(backend: Backend[Any, Any], monkeypatch: pytest.MonkeyPatch) -> Setup:
    """A development setup of 16 rows whose x the test knows."""
    monkeypatch.setattr(development, "_fresh_x", lambda rows: X)
    return development_setup(16, backend)


def fresh(setup: Setup) -> Setup:
    """The same setup without handles."""
    return Setup(setup.key, setup.powers, setup.lagrange_points, setup.source)


def times_g1(scalars: list[int]) -> list[tuple[int, int]]:
    return [PythonEngine().combine([G1_GENERATOR], [scalar]) for scalar in scalars]


def points(backend: Backend[Any, Any], vector: Any) -> list[tuple[int, int]]:
    data = backend.points_to_bytes(vector)
    numbers = [int.from_bytes(data[at : at + 32], "little") for at in range(0, len(data), 32)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def lagrange_scalars(n: int) -> list[int]:
    """L_i(x) for i < n, then x^j (x^n - 1) for j < 8, by the formulas."""
    z, w = pow(X, n, SCALAR_MODULUS) - 1, root_of_unity(n)
    lagrange = [pow(w, i, SCALAR_MODULUS) * z * inverse(n * (X - pow(w, i, SCALAR_MODULUS))) for i in range(n)]
    return lagrange + [pow(X, j, SCALAR_MODULUS) * z for j in range(BLINDING_POINTS)]


# -- development -------------------------------------------------------------------------------------------------------


def test_powers_and_bases_are_what_the_formulas_say(known: Setup, backend: Backend[Any, Any]) -> None:
    assert points(backend, known.monomial(backend)) == times_g1([pow(X, i, SCALAR_MODULUS) for i in range(48)])
    for n in (1, 2, 8, 16):
        assert points(backend, known.lagrange(backend, n)) == times_g1(lagrange_scalars(n))
    verify_setup(known)


def test_multiples_by_table_are_those_of_the_fourier_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large development setup takes the table, a small one the transform: one size both ways."""
    status = next(status for status in describe_backends() if status.name == "portable")
    if not status.available:
        pytest.skip(status.reason)
    backend = load_backend("portable")
    monkeypatch.setattr(development, "_fresh_x", lambda rows: X)
    by_table = development_setup(256, backend)
    monkeypatch.setattr(development, "TABLE_PAYS", 512)
    by_transform = development_setup(256, backend)
    assert by_table.lagrange_points.tobytes() == by_transform.lagrange_points.tobytes()
    verify_setup(by_table)


def test_a_development_setup_is_loudly_unsafe(reference: ReferenceBackend) -> None:
    setup = development_setup(2, reference)
    assert setup.unsafe
    assert setup.ceremony is None
    assert "UNSAFE" in repr(setup)
    assert "UNSAFE" in provenance(setup)
    verify_setup(setup)


def test_every_development_setup_has_its_own_secret(reference: ReferenceBackend) -> None:
    assert development_setup(2, reference).digest != development_setup(2, reference).digest


def test_a_root_of_unity_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = iter([root_of_unity(16) - 2, X - 2])
    monkeypatch.setattr(development.secrets, "randbelow", lambda bound: next(draws))
    assert development._fresh_x(16) == X


@pytest.mark.parametrize("rows", [0, 1, 3, 1 << 29])
def test_rows_must_be_a_power_of_two(reference: ReferenceBackend, rows: int) -> None:
    with pytest.raises(FormatError, match="power of two"):
        development_setup(rows, reference)


# -- the setup ---------------------------------------------------------------------------------------------------------


def test_a_setup_is_immutable_and_named_by_its_point(imported: Setup) -> None:
    with pytest.raises(ValueError, match="read-only"):
        imported.powers[0, 0, 0] = 0
    with pytest.raises(AttributeError):
        imported.key = SetupKey(imported.g2_x)  # type: ignore[misc]
    assert imported.digest == srs_digest(imported.g2_x) == imported.key.digest
    assert f"0x{imported.digest.hex()}" in repr(imported)


def test_arrays_of_another_shape_are_refused(imported: Setup) -> None:
    with pytest.raises(FormatError, match="lagrange: expected shape"):
        Setup(imported.key, imported.powers, imported.lagrange_points[:8], imported.source)
    with pytest.raises(FormatError, match="power of two"):
        Setup(imported.key, imported.powers[:-1], imported.lagrange_points, imported.source)
    with pytest.raises(FormatError, match="powers: expected shape"):
        Setup(imported.key, imported.powers.astype(np.int64), imported.lagrange_points, imported.source)  # type: ignore[arg-type]


def test_a_basis_larger_than_the_setup_is_refused(imported: Setup, reference: ReferenceBackend) -> None:
    with pytest.raises(SetupError, match=r"at least 32 rows, got one for 16; .*--rows 32"):
        imported.lagrange(reference, 32)
    with pytest.raises(FormatError, match="power of two"):
        imported.lagrange(reference, 12)


def test_handles_are_made_once(imported: Setup, reference: ReferenceBackend) -> None:
    assert imported.monomial(reference) is imported.monomial(reference)
    assert imported.lagrange(reference, 16) is imported.lagrange(reference, 16)


def test_verification_finds_every_kind_of_wrong_point(known: Setup, backend: Backend[Any, Any]) -> None:
    def change(name: str, to: int, origin: int) -> None:
        arrays = {"powers": known.powers.copy(), "lagrange_points": known.lagrange_points.copy()}
        arrays[name][to] = arrays[name][origin]
        Setup(known.key, arrays["powers"], arrays["lagrange_points"], None)

    verify_setup(fresh(known))
    for name, to, origin, message in (
        ("powers", 0, 1, "power 0"),
        ("powers", 31, 30, "pairing check"),
        ("powers", 16, 0, "whose x everybody knows"),
        ("powers", 18, 2, "pairing check"),
        ("lagrange_points", 3, 4, "Lagrange and blinding points"),
    ):
        with pytest.raises(SetupError, match=message):
            change(name, to, origin)
    off_curve = known.powers.copy()
    off_curve[7, 1, 0] ^= 1
    with pytest.raises(FormatError, match=r"setup: powers: point 7: expected a point on"):
        Setup(known.key, off_curve, known.lagrange_points, None)


def test_what_was_checked_cannot_be_changed_from_outside(imported: Setup) -> None:
    powers = imported.powers.copy()
    setup = Setup(imported.key, powers, imported.lagrange_points, imported.source)
    powers[3] = powers[4]
    assert setup.powers.tobytes() == imported.powers.tobytes()
    with pytest.raises(ValueError, match="cannot set WRITEABLE"):
        setup.powers.flags.writeable = True


def test_a_pickled_setup_is_checked_where_it_arrives(imported: Setup) -> None:
    assert pickle.loads(pickle.dumps(imported)).digest == imported.digest  # noqa: S301 - its own bytes
    make, (key, powers, lagrange, source) = imported.__reduce__()
    swapped = powers.copy()  # type: ignore[attr-defined]
    swapped[3] = swapped[4]
    with pytest.raises(SetupError, match="pairing check"):
        make(key, swapped, lagrange, source)  # type: ignore[arg-type]


# -- the cache ---------------------------------------------------------------------------------------------------------


def cached_file(setup: Setup, n: int) -> Path:
    return cache.folder() / f"lagrange-{setup.digest.hex()}-{n}.points"


class Counting(ReferenceBackend):
    """Counts the Lagrange bases that are computed."""

    def __init__(self) -> None:
        self.computed = 0

    def transform_points(self, points: Any, root: int) -> Any:
        self.computed += 1
        return super().transform_points(points, root)


def test_a_basis_is_computed_once_and_then_read(imported: Setup) -> None:
    backend = Counting()
    first = fresh(imported).lagrange(backend, 8)
    assert backend.computed == 1
    assert cached_file(imported, 8).stat().st_size == 8 * 64
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = fresh(imported).lagrange(backend, 8)
    assert backend.computed == 1
    assert backend.points_to_bytes(first) == backend.points_to_bytes(second)


def test_the_setups_own_basis_needs_neither_cache_nor_computing(imported: Setup) -> None:
    backend = Counting()
    fresh(imported).lagrange(backend, 16)
    assert backend.computed == 0
    assert not list(cache.folder().glob("lagrange-*"))


def poison_swap(data: bytes) -> bytes:
    """Two valid points in each other's place: only the linear check can tell."""
    return data[64:128] + data[:64] + data[128:]


@pytest.mark.parametrize(
    "poison",
    [
        poison_swap,
        lambda data: data[:64] * 8,
        lambda data: bytes(len(data)),
        lambda data: bytes([data[0] ^ 1]) + data[1:],
        lambda data: data[:-1],
        lambda data: data + b"\x00",
        lambda data: b"",
    ],
    ids=["swapped", "repeated", "infinity", "bit", "short", "long", "empty"],
)
def test_a_poisoned_cache_is_found_and_made_again(imported: Setup, poison: Callable[[bytes], bytes]) -> None:
    backend = Counting()
    right = backend.points_to_bytes(fresh(imported).lagrange(backend, 8))
    path = cached_file(imported, 8)
    good = path.read_bytes()
    path.write_bytes(poison(good))
    with pytest.warns(CacheWarning, match="made again"):
        again = fresh(imported).lagrange(backend, 8)
    assert backend.points_to_bytes(again) == right
    assert backend.computed == 2
    assert path.read_bytes() == good


def test_the_cache_of_another_setup_is_found(imported: Setup, reference: ReferenceBackend) -> None:
    other = development_setup(8, reference)
    cache.folder().mkdir(parents=True, exist_ok=True)
    cached_file(imported, 8).write_bytes(other.lagrange_points.tobytes())
    with pytest.warns(CacheWarning, match="made again"):
        fresh(imported).lagrange(reference, 8)


@pytest.mark.skipif(os.name == "nt", reason="needs a folder that is a file")
def test_a_cache_that_cannot_be_written_is_no_obstacle(
    imported: Setup, reference: ReferenceBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZKMARGIN_CACHE", str(tmp_path / "file" / "below"))
    with pytest.warns(CacheWarning, match="set ZKMARGIN_CACHE"):
        assert len(fresh(imported).lagrange(reference, 4)) == 4 + BLINDING_POINTS


# -- checks that are kept ----------------------------------------------------------------------------------------------


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the checks that ran."""
    ran: list[int] = []
    check = made_setups.check_points
    monkeypatch.setattr(made_setups, "check_points", lambda *args, **named: (ran.append(1), check(*args, **named)))
    return ran


def test_a_check_is_kept_for_the_very_bytes(imported: Setup, checks: list[int]) -> None:
    fresh(imported)
    fresh(imported)
    assert len(checks) == 1
    (kept,) = cache.folder().glob("checked-*")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.name == (
        f"checked-{srs.CHECK_VERSION}-"
        + srs.points_digest(imported.key, imported.powers.tobytes(), imported.lagrange_points.tobytes()).hex()
    )
    changed = imported.lagrange_points.copy()
    changed[0] = changed[1]
    with pytest.raises(SetupError, match="basis of 16 rows"):
        Setup(imported.key, imported.powers, changed, imported.source)
    assert len(checks) == 2
    assert list(cache.folder().glob("checked-*")) == [kept]


def test_another_version_of_the_check_counts_anew(
    imported: Setup, checks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh(imported)
    monkeypatch.setattr(checked, "CHECK_VERSION", srs.CHECK_VERSION + 1)
    fresh(imported)
    assert len(checks) == 2


@pytest.mark.skipif(os.name == "nt", reason="needs modes")
@pytest.mark.parametrize("which", ["folder", "file", "link"])
def test_a_kept_check_that_others_could_have_made_does_not_count(
    imported: Setup, checks: list[int], which: str, tmp_path: Path
) -> None:
    fresh(imported)
    (kept,) = cache.folder().glob("checked-*")
    if which == "link":
        (tmp_path / "elsewhere").touch(mode=0o600)
        kept.unlink()
        kept.symlink_to(tmp_path / "elsewhere")
    else:
        (kept if which == "file" else kept.parent).chmod(0o777)
    fresh(imported)
    assert len(checks) == 2


@pytest.mark.skipif(os.name == "nt", reason="needs a folder that is a file")
def test_without_a_place_to_keep_it_the_check_runs_each_time(
    imported: Setup, checks: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZKMARGIN_CACHE", str(tmp_path / "file" / "below"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fresh(imported)
        fresh(imported)
    assert len(checks) == 2


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZKMARGIN_CACHE", str(tmp_path))
    assert cache.folder() == tmp_path
    monkeypatch.setenv("ZKMARGIN_CACHE", "")
    assert cache.folder().name == "zkmargin"


@pytest.mark.skipif(sys.platform == "win32", reason="asks Windows itself, which no variable changes")
@pytest.mark.parametrize("stated", [None, "", "relative/cache", "/somewhere/else"])
def test_the_cache_is_where_the_platform_wants_it(monkeypatch: pytest.MonkeyPatch, stated: str | None) -> None:
    monkeypatch.delenv("ZKMARGIN_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if stated is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", stated)
    assert cache.folder() == Path(platformdirs.user_cache_dir("zkmargin", appauthor=False))
