"""Untrusted bytes: one proof has one encoding, and everything else is a FormatError that names the place."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.programs import margin
from support.proofs import POINT, SCALAR, Element, elements
from support.statements import Statement

from zkmargin.verifier.curve import G1, G2, INFINITY, decode_g1, decode_g2, encode_g1, encode_g2, is_on_curve
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS
from zkmargin.verifier.proof import decode_proof
from zkmargin.verifier.verify import start_transcript


def all_elements() -> list[Element]:
    return elements(margin().program.circuit)


def points() -> list[Element]:
    return [element for element in all_elements() if element.is_point]


def scalars() -> list[Element]:
    return [element for element in all_elements() if not element.is_point]


def coordinates(x: int, y: int) -> bytes:
    return x.to_bytes(SCALAR, "big") + y.to_bytes(SCALAR, "big")


def test_a_proof_decodes_and_encodes_to_the_same_bytes(margin_statement: Statement) -> None:
    assert decode_proof(margin_statement.circuit, margin_statement.proof).encode() == margin_statement.proof


@pytest.mark.parametrize("element", scalars(), ids=str)
def test_a_scalar_written_as_itself_plus_r_is_malformed(margin_statement: Statement, element: Element) -> None:
    proof = margin_statement.proof
    alias = (element.scalar(proof) + SCALAR_MODULUS).to_bytes(SCALAR, "big")
    with pytest.raises(FormatError, match="scalar below r"):
        margin_statement.verify(element.write(proof, alias))


@pytest.mark.parametrize("value", [SCALAR_MODULUS, (1 << 256) - 1])
def test_the_first_and_the_last_scalar_out_of_range_are_malformed(margin_statement: Statement, value: int) -> None:
    with pytest.raises(FormatError, match=r"evaluations\[0\]: expected a scalar below r"):
        margin_statement.verify(scalars()[0].write(margin_statement.proof, value.to_bytes(SCALAR, "big")))


@pytest.mark.parametrize("element", points(), ids=str)
def test_a_coordinate_written_as_itself_plus_q_is_malformed(margin_statement: Statement, element: Element) -> None:
    proof = margin_statement.proof
    x, y = element.point(proof)
    for alias in (coordinates(x + BASE_MODULUS, y), coordinates(x, y + BASE_MODULUS)):
        with pytest.raises(FormatError, match="coordinates below the field modulus q"):
            margin_statement.verify(element.write(proof, alias))


@pytest.mark.parametrize("element", points(), ids=str)
def test_a_point_off_the_curve_is_malformed(margin_statement: Statement, element: Element) -> None:
    proof = margin_statement.proof
    x, y = element.point(proof)
    for other in (G1(x, (y + 1) % BASE_MODULUS), G1(y, x), G1(0, 1), G1(1, 0)):
        assert not is_on_curve(other)
        with pytest.raises(FormatError, match="expected a point on y"):
            margin_statement.verify(element.write(proof, encode_g1(other)))


@pytest.mark.parametrize("element", points(), ids=str)
def test_a_point_at_infinity_is_malformed(margin_statement: Statement, element: Element) -> None:
    with pytest.raises(FormatError, match="other than infinity"):
        margin_statement.verify(element.write(margin_statement.proof, encode_g1(INFINITY)))


@pytest.mark.parametrize("element", points(), ids=str)
def test_infinity_written_as_q_q_is_malformed_too(margin_statement: Statement, element: Element) -> None:
    with pytest.raises(FormatError, match="coordinates below the field modulus q"):
        margin_statement.verify(element.write(margin_statement.proof, coordinates(BASE_MODULUS, BASE_MODULUS)))


def test_every_length_but_the_right_one_is_malformed(margin_statement: Statement) -> None:
    proof = margin_statement.proof
    for length in {0, 1, POINT, len(proof) - SCALAR, len(proof) - 1}:
        with pytest.raises(FormatError, match=f"expected {len(proof)} bytes, got {length}"):
            margin_statement.verify(proof[:length])
    for more in (b"\0", proof[:SCALAR], proof):
        with pytest.raises(FormatError, match=f"expected {len(proof)} bytes"):
            margin_statement.verify(proof + more)


@pytest.mark.parametrize("element", [points()[0], scalars()[0], points()[-1]], ids=str)
def test_an_element_too_few_or_too_many_is_malformed(margin_statement: Statement, element: Element) -> None:
    proof = margin_statement.proof
    with pytest.raises(FormatError, match="bytes"):
        margin_statement.verify(element.write(proof, b""))
    with pytest.raises(FormatError, match="bytes"):
        margin_statement.verify(element.write(proof, 2 * element.read(proof)))


# -- public inputs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_context_of_another_length_is_malformed(margin_statement: Statement, length: int) -> None:
    public = replace(margin_statement.public, context=bytes(length))
    with pytest.raises(FormatError, match="context: expected 32 bytes"):
        margin_statement.verify(margin_statement.proof, public)


@pytest.mark.parametrize("value", [-1, 1 << 30, SCALAR_MODULUS, SCALAR_MODULUS + 1000])
def test_a_public_scalar_beyond_its_bits_is_malformed(margin_statement: Statement, value: int) -> None:
    public = replace(margin_statement.public, scalars=(value,))
    with pytest.raises(FormatError, match=r"scalar threshold: expected 0 <= value < 2\*\*30"):
        margin_statement.verify(margin_statement.proof, public)


BAD_POINTS = {
    "infinity": (INFINITY, "other than infinity"),
    "off the curve": (G1(1, 3), "expected a point on y"),
    "not canonical": (G1(1 + BASE_MODULUS, 2), "below the field modulus"),
    "negative": (G1(1, -2), "below the field modulus"),
}


@pytest.mark.parametrize("kind", BAD_POINTS)
def test_a_malformed_venue_commitment_is_named(margin_statement: Statement, kind: str) -> None:
    point, message = BAD_POINTS[kind]
    public = replace(margin_statement.public, holdings=((margin_statement.public.holdings[0][0], point),))
    with pytest.raises(FormatError, match=rf"holding net\[1\]: .*{message}"):
        margin_statement.verify(margin_statement.proof, public)


@pytest.mark.parametrize("kind", ["off the curve", "not canonical", "negative"])
def test_a_malformed_market_commitment_is_named(margin_statement: Statement, kind: str) -> None:
    point, message = BAD_POINTS[kind]
    public = replace(margin_statement.public, market=(*margin_statement.public.market[:3], point))
    with pytest.raises(FormatError, match=f"market rate: .*{message}"):
        margin_statement.verify(margin_statement.proof, public)


def test_every_other_count_of_public_inputs_is_malformed(margin_statement: Statement) -> None:
    public = margin_statement.public
    for other in (
        replace(public, scalars=()),
        replace(public, scalars=(1, 2)),
        replace(public, holdings=()),
        replace(public, holdings=2 * public.holdings),
        replace(public, holdings=((),)),
        replace(public, market=public.market[:-1]),
        replace(public, market=(*public.market, public.market[0])),
    ):
        with pytest.raises(FormatError, match="expected"):
            margin_statement.verify(margin_statement.proof, other)


def test_more_venues_than_their_count_can_say_are_malformed(margin_statement: Statement) -> None:
    public = replace(margin_statement.public, holdings=((margin_statement.public.holdings[0][0],) * (1 << 16),))
    with pytest.raises(FormatError, match="expected 1 to 65535 commitments"):
        margin_statement.verify(margin_statement.proof, public)


def test_moving_a_venue_from_one_holding_to_the_next_moves_the_transcript(catalogue_statement: Statement) -> None:
    """Counts are absorbed, so the same points in the same order cannot be read as another split."""
    spot, perp = catalogue_statement.public.holdings
    other = replace(catalogue_statement.public, holdings=((*spot, perp[0]), perp[1:]))
    states = {
        start_transcript(catalogue_statement.verifying, public).digest()
        for public in (catalogue_statement.public, other)
    }
    assert len(states) == 2


# -- points by themselves ----------------------------------------------------------------------------------------------


def test_g1_infinity_decodes_only_where_it_is_allowed() -> None:
    assert decode_g1(bytes(64), "here", allow_infinity=True) == INFINITY
    with pytest.raises(FormatError, match="here: expected a point other than infinity"):
        decode_g1(bytes(64), "here")


def test_g2_refuses_infinity_aliases_strangers_and_the_wrong_subgroup(margin_statement: Statement) -> None:
    good = margin_statement.verifying.setup.g2_x
    assert decode_g2(encode_g2(good), "x") == good
    off_curve = G2(good.x, (good.y[0], (good.y[1] + 1) % BASE_MODULUS))
    # On the twist, found by trying x = (2, 0), (3, 0), ...; not of order r.
    for data, message in (
        (bytes(128), "other than infinity"),
        (encode_g2(good)[:-1], "expected 128 bytes, got 127"),
        (encode_g2(good) + b"\0", "expected 128 bytes, got 129"),
        (encode_g2(off_curve), "on the twist"),
        (encode_g2(G2((good.x[0] + BASE_MODULUS, good.x[1]), good.y)), "below the field modulus"),
        (encode_g2(twist_point_outside_the_subgroup()), "of order r"),
    ):
        with pytest.raises(FormatError, match=message):
            decode_g2(data, "x")


def twist_point_outside_the_subgroup() -> G2:
    """A point of the twist whose order is not r: almost any with a small x."""
    from py_ecc import optimized_bn128 as bn  # noqa: PLC0415

    q = BASE_MODULUS
    for real in range(1, 100):
        x = bn.FQ2([real, 0])
        c, d = (int(part) for part in (x * x * x + bn.b2).coeffs)
        # A square root of c + d i, by that of its norm (q = 3 mod 4).
        norm = pow(c * c + d * d, (q + 1) // 4, q)
        for root in (norm, q - norm):
            half = (c + root) * pow(2, -1, q) % q
            a = pow(half, (q + 1) // 4, q)
            if a and a * a % q == half:
                y = bn.FQ2([a, d * pow(2 * a, -1, q) % q])
                if y * y == x * x * x + bn.b2 and not bn.is_inf(bn.multiply((x, y, bn.FQ2.one()), SCALAR_MODULUS)):
                    return G2((real, 0), (int(y.coeffs[0]), int(y.coeffs[1])))
    raise AssertionError("no such point among a hundred")
