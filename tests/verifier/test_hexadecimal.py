"""Hexadecimal text has one spelling: everything else is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.hexadecimal import decode_hex, parse_hex, parse_hex_exactly


@given(st.binary(max_size=40))
def test_bytes_come_back(data: bytes) -> None:
    text = "0x" + data.hex()
    assert decode_hex(text, 0, 40) == data
    assert parse_hex(text, "field", most=len(data)) == parse_hex_exactly(text, "field", length=len(data)) == data


@pytest.mark.parametrize(
    "text",
    ["", "0", "0x", "ab", "0X00", "0x0", "0x00 ", " 0x00", "0xAB", "0x0g", "0x٠٠", "0x00\n", "0x0_0", None, 0, b"0x00"],
)
def test_other_spellings_are_refused(text: object) -> None:
    assert decode_hex(text, 1, 4) is None
    with pytest.raises(FormatError, match=r"^field: expected 0x and 4 lower-case hexadecimal digits$"):
        parse_hex_exactly(text, "field", length=2)


def test_lengths_are_bounds() -> None:
    assert decode_hex("0x", 0, 0) == b""
    assert decode_hex("0x0000", 1, 1) is None
    assert decode_hex("0x00", 2, 3) is None
    with pytest.raises(FormatError, match="at most 1 bytes"):
        parse_hex("0x0000", "field", most=1)
