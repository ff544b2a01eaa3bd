"""The check of a setup's points, by the verifier's own group operations and by native ones."""

from collections.abc import Callable

import pytest
from support.backends import fastest_backend, fastest_engine
from support.setup import setup_key

from zkmargin.prover.setup.lagrange import lagrange_basis
from zkmargin.verifier.circuit import setup_powers
from zkmargin.verifier.curve import G2, G2_GENERATOR, PythonEngine, decode_g2, encode_g2
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import BASE_MODULUS, root_of_unity
from zkmargin.verifier.srs import (
    CEREMONY_G2_X,
    CEREMONY_NAME,
    SetupError,
    SetupKey,
    ceremony_of,
    check_points,
    points_digest,
)

ROWS = 8
KNOWN = 0x5EED_0F_7E575
Points = tuple[bytes, bytes]


def points_of(x: int, rows: int = ROWS) -> Points:
    backend = fastest_backend()
    powers = backend.fixed_base_powers(x, setup_powers(rows))
    return backend.points_to_bytes(powers), backend.points_to_bytes(lagrange_basis(backend, powers, rows))


def swapped(data: bytes, left: int, right: int) -> bytes:
    points = [data[at : at + 64] for at in range(0, len(data), 64)]
    points[left], points[right] = points[right], points[left]
    return b"".join(points)


def replaced(data: bytes, index: int, origin: int) -> bytes:
    return data[: 64 * index] + data[64 * origin : 64 * (origin + 1)] + data[64 * (index + 1) :]


def test_the_points_of_x_pass() -> None:
    for engine in (PythonEngine(), fastest_engine()):
        check_points(setup_key(KNOWN), *points_of(KNOWN), engine)


def test_pure_python_refuses_what_native_code_refuses() -> None:
    powers, lagrange = points_of(KNOWN, 2)
    for given in ((swapped(powers, 3, 4), lagrange), (powers, swapped(lagrange, 0, 1))):
        for engine in (PythonEngine(), fastest_engine()):
            with pytest.raises(SetupError, match=r"pairing check|basis of 2 rows"):
                check_points(setup_key(KNOWN), *given, engine)


@pytest.mark.parametrize(
    ("forge", "message"),
    [
        (lambda p, q: (replaced(p, 0, 1), q), "power 0"),
        (lambda p, q: (swapped(p, 3, 4), q), "pairing check"),
        (lambda p, q: (replaced(p, 2 * ROWS + 15, 0), q), "pairing check"),
        (lambda p, q: (replaced(p, ROWS + 1, 1), q), "pairing check"),
        (lambda p, q: (replaced(p, ROWS, 0), q), "whose x everybody knows"),
        (lambda p, q: (p, swapped(q, 1, 5)), "basis of 8 rows"),
        (lambda p, q: (p, replaced(q, 7, 0)), "basis of 8 rows"),
        (lambda p, q: points_of(KNOWN + 1), "pairing check"),
        (lambda p, q: (p, points_of(KNOWN + 1)[1]), "basis of 8 rows"),
        (lambda p, q: points_of(root_of_unity(ROWS)), "whose x everybody knows"),
        (lambda p, q: (p[:-64], q), "powers of 64 bytes"),
        (lambda p, q: (p, q[:-1]), "powers of 64 bytes"),
    ],
)
def test_other_points_do_not(forge: Callable[[bytes, bytes], Points], message: str) -> None:
    with pytest.raises(SetupError, match=f"S: .*{message}"):
        check_points(setup_key(KNOWN), *forge(*points_of(KNOWN)), fastest_engine(), where="S")


@pytest.mark.parametrize("array", [0, 1])
def test_every_point_is_decoded(array: int) -> None:
    points = points_of(KNOWN)
    for index in range(len(points[array]) // 64):
        for at, bit in ((64 * index, 1), (64 * index + 63, 0x80)):
            changed = bytearray(points[array])
            changed[at] ^= bit
            given = (bytes(changed), points[1]) if array == 0 else (points[0], bytes(changed))
            with pytest.raises(FormatError, match=rf"S: (powers|lagrange): point {index}: expected"):
                check_points(setup_key(KNOWN), *given, fastest_engine(), where="S")


def test_one_wrong_point_among_several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zkmargin.verifier.srs._CHUNK", 7)
    powers, lagrange = points_of(KNOWN, 16)
    check_points(setup_key(KNOWN), powers, lagrange, fastest_engine())
    for index in range(1, 47):
        with pytest.raises(SetupError):
            check_points(setup_key(KNOWN), swapped(powers, index, index + 1), lagrange, fastest_engine())
    for index in range(15):
        with pytest.raises(SetupError):
            check_points(setup_key(KNOWN), powers, swapped(lagrange, index, index + 1), fastest_engine())


def test_the_digest_names_every_byte_and_the_point() -> None:
    powers, lagrange = points_of(KNOWN)
    digests = {
        points_digest(setup_key(KNOWN), powers, lagrange),
        points_digest(setup_key(KNOWN + 1), powers, lagrange),
        points_digest(setup_key(KNOWN), lagrange, powers),
        points_digest(setup_key(KNOWN), powers + lagrange[:64], lagrange[64:]),
        points_digest(setup_key(KNOWN), powers, swapped(lagrange, 0, 1)),
    }
    assert len(digests) == 5


def test_the_ceremonys_point_by_two_sources() -> None:
    """snarkjs' constants, as Polygon's contract has them, and the ends of the halo2 file's last point.

    hermez-raw-18 ends in [x]_2 as four coordinates in Montgomery form, little-endian: 128 bytes that begin with
    928fafb3d0cc and end with b3be595c6900, as public scripts that read the file state.
    """
    assert decode_g2(encode_g2(CEREMONY_G2_X), "[x]_2") == CEREMONY_G2_X != G2_GENERATOR
    words = [*CEREMONY_G2_X.x, *CEREMONY_G2_X.y]
    assert [f"{word:#x}" for word in words] == [
        "0x30441fd1b5d3370482c42152a8899027716989a6996c2535bc9f7fee8aaef79e",
        "0x26186a2d65ee4d2f9c9a5b91f86597d35f192cd120caf7e935d8443d1938e23d",
        "0x54793348f12c0cf5622c340573cb277586319de359ab9389778f689786b1e48",
        "0x1970ea81dd6992adfbc571effb03503adbbb6a857f578403c6c40e22d65b3c02",
    ]
    raw = b"".join((word * (1 << 256) % BASE_MODULUS).to_bytes(32, "little") for word in words)
    assert raw[:6].hex() == "928fafb3d0cc"
    assert raw[-6:].hex() == "b3be595c6900"
    assert ceremony_of(CEREMONY_G2_X) == SetupKey(CEREMONY_G2_X).ceremony == CEREMONY_NAME
    assert ceremony_of(G2_GENERATOR) is None
    assert ceremony_of(G2(CEREMONY_G2_X.x, tuple(BASE_MODULUS - c for c in CEREMONY_G2_X.y))) is None  # type: ignore[arg-type]
