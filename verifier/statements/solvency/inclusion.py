"""A customer's inclusion file, and its check: that these balances are in these liabilities, in full, and once.

| field | content |
|---|---|
| `customer`, `salt` | whose balances, by the identifier that they type; the salt makes the record unguessable |
| `heading`, `nonce`, `setup`, `rows`, `batches` | what the epoch and the liabilities digest are made from |
| `batch`, `batch_path` | the batch's leaf (`statement.BatchStatement.leaf`) and its way up to the digest |
| `first_row` | where the customer's rows begin |
| `holdings` | a row each: row of the terms' table with its Merkle path, amounts in lots, the opening's point |
| `liabilities` | the digest; whoever checks compares it with the one that auditors verified |

The check compares the identifier that the customer types, recomputes their record and account number from what they
read here, combines each row's values with the batch's coefficient, and verifies that the one batched polynomial has
these values in these rows, of which the first begins a customer and the last ends one. Nothing of another row can be
learnt from it: an opening's point follows from the commitment, the value and the row alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from zkmargin.verifier.curve import (
    G1,
    G1_GENERATOR,
    G2_GENERATOR,
    INFINITY,
    GroupEngine,
    PythonEngine,
    decode_g1,
    encode_g1,
)
from zkmargin.verifier.documents import Fields, parse_object, read_document
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS, root_of_unity
from zkmargin.verifier.hexadecimal import decode_hex
from zkmargin.verifier.merkle import path_length, root_of_path
from zkmargin.verifier.srs import SetupKey
from zkmargin.verifier.statements.solvency.accounts import (
    IDENTIFIERS,
    SALT_BYTES,
    Row,
    account_number,
    as_identifier,
    customer_bytes,
    record,
    solvency_epoch_id,
)
from zkmargin.verifier.statements.solvency.batched_opening import batched_value, coefficient
from zkmargin.verifier.statements.solvency.statement import MAX_BATCHES, batch_context, liabilities_digest
from zkmargin.verifier.statements.solvency.terms import QUANTITY_BITS, terms_digest

KIND: Final = "solvency-inclusion"
LEAF_BYTES: Final = 4 * 8 + 4 * 64 + 32
MAX_HOLDINGS: Final = 1 << 12
HASH_BYTES: Final = 32
MAX_PATH: Final = 32
MIN_ROWS: Final = 1 << 5
MAX_ROWS: Final = 1 << 20
_CHECK_BITS: Final = 128
_R = SCALAR_MODULUS


@dataclass(frozen=True)
class IncludedRow:
    """One of the customer's rows: amounts, the table row they are in (canonical JSON), its Merkle path, the opening."""

    row: Row
    table_row: bytes
    path: tuple[bytes, ...]
    opening: G1

    def __repr__(self) -> str:
        """Say nothing of what is held."""
        return "IncludedRow()"


@dataclass(frozen=True)
class Inclusion:
    """An inclusion file, decoded and not yet checked. Construction raises FormatError for what no batch has."""

    customer: str
    salt: bytes
    header: bytes
    nonce: bytes
    setup: bytes
    rows: int
    batches: int
    leaf: bytes
    leaf_path: tuple[bytes, ...]
    first_row: int
    holdings: tuple[IncludedRow, ...]

    def __post_init__(self) -> None:
        if not MIN_ROWS <= self.rows <= MAX_ROWS or self.rows & (self.rows - 1):
            raise FormatError(f"inclusion: rows: expected a power of two from {MIN_ROWS} to {MAX_ROWS}")
        count = len(self.holdings)
        if not 1 <= count <= MAX_HOLDINGS or not 1 <= self.first_row <= self.rows - 1 - count:
            raise FormatError("inclusion: holdings: expected rows between the batch's separators")
        if not all(0 <= lots < 1 << QUANTITY_BITS for held in self.holdings for lots in held.row[1:]):
            raise FormatError(f"inclusion: holdings: expected lots below 2^{QUANTITY_BITS}")
        if len(self.leaf) != LEAF_BYTES or not self.batch < self.batches <= MAX_BATCHES:
            raise FormatError("inclusion: batch: expected a batch's leaf")
        if len(self.leaf_path) != path_length(self.batches):
            raise FormatError(f"inclusion: batch_path: expected a path in a tree of {self.batches} batches")

    def __repr__(self) -> str:
        """Say nothing of the customer, nor of what is held."""
        return f"Inclusion({len(self.holdings)} holdings)"

    @property
    def batch(self) -> int:
        """The batch's index, as its leaf says."""
        return int.from_bytes(self.leaf[:8], "big")


@dataclass(frozen=True)
class Balance:
    """What an inclusion file shows of one asset, in decimal amounts."""

    asset: str
    equity: str
    debt: str
    collateral: str


class SomebodyElsesError(ProofRejected):
    """The file is about another customer than the one who checks it."""


@dataclass(frozen=True)
class Heading:
    """What a file says of its epoch, and the terms' digest binds."""

    exchange: str
    as_of: str
    identifier: str
    lines: int


def verify_inclusion(
    inclusion: Inclusion, setup: SetupKey, liabilities: bytes, customer: str, engine: GroupEngine | None = None
) -> list[Balance]:
    """The customer's balances if these liabilities have them in full. Raises ProofRejected with why, FormatError.

    `liabilities` is the digest that the customer trusts: the one that auditors have verified. `customer` is what they
    typed: their own identifier, of the kind that the terms name.
    """
    engine = engine or PythonEngine()
    kind = heading_of(inclusion).identifier
    customer_bytes(inclusion.customer, "inclusion: field 'customer'", kind)
    if as_identifier(customer) != inclusion.customer:
        name = IDENTIFIERS[kind][0]
        raise SomebodyElsesError(f"the file is about another {name} than yours: it is somebody else's")
    if setup.digest != inclusion.setup:
        raise ProofRejected("the file is for another setup")
    table_rows = [_table_row(held, inclusion) for held in inclusion.holdings]
    epoch = solvency_epoch_id(_terms_of(inclusion), inclusion.setup, inclusion.nonce)
    root = root_of_path(inclusion.leaf, inclusion.batch, inclusion.leaf_path)
    if liabilities_digest(epoch, inclusion.rows, inclusion.batches, root) != liabilities:
        raise ProofRejected("the file leads to other liabilities than those that were verified")
    context = batch_context(epoch, inclusion.rows, inclusion.batch)
    c = coefficient(context, inclusion.leaf[-32:])
    values = [batched_value(c, columns) for columns in batched_columns(inclusion, epoch)]
    batched_opening = decode_g1(inclusion.leaf[-96:-32], "batch: opened")
    if not _opens(batched_opening, inclusion, values, setup, engine):
        raise ProofRejected("the liabilities do not contain these balances in these rows")
    return _balances(inclusion, table_rows)


def batched_columns(inclusion: Inclusion, epoch: bytes) -> list[tuple[int, ...]]:
    """Return what the columns of `batched_opening.COLUMNS` must be in each of the customer's rows."""
    customer = customer_bytes(inclusion.customer, "customer")
    rows = [held.row for held in inclusion.holdings]
    number = account_number(epoch, customer)
    bound = record(epoch, customer, inclusion.salt, rows)
    last = len(rows) - 1
    return [
        (bound if position == 0 else 0, number, int(position == 0), int(position == last), *row)
        for position, row in enumerate(rows)
    ]


def _opens(committed: G1, inclusion: Inclusion, values: Sequence[int], setup: SetupKey, engine: GroupEngine) -> bool:
    """Whether P(w^i) = v_i for every row i, by one random combination of e(P - v_i + w^i W_i, [1]) = e(W_i, [x])."""
    w = root_of_unity(inclusion.rows)
    points, scalars, openings, weights = [committed, G1_GENERATOR], [0, 0], [], []
    for position, (held, value) in enumerate(zip(inclusion.holdings, values, strict=True)):
        weight = secrets.randbits(_CHECK_BITS) if len(values) > 1 else 1
        scalars[0] += weight
        scalars[1] -= weight * value
        points.append(held.opening)
        scalars.append(weight * pow(w, inclusion.first_row + position, _R))
        openings.append(held.opening)
        weights.append(weight)
    left, right = engine.combine(points, [s % _R for s in scalars]), engine.combine(openings, weights)
    negated = right if right == INFINITY else G1(right.x, BASE_MODULUS - right.y)
    return engine.pairing_product_is_one([(left, G2_GENERATOR), (negated, setup.g2_x)])


def _terms_of(inclusion: Inclusion) -> bytes:
    """Return the digest of the terms that all table rows lead up to."""
    roots = {root_of_path(held.table_row, held.row.line - 1, held.path) for held in inclusion.holdings}
    if len(roots) != 1:
        raise ProofRejected("the holdings are of different terms")
    return terms_digest(inclusion.header, roots.pop())


def heading_of(inclusion: Inclusion) -> Heading:
    """Parse the heading of the terms. Only their digest makes it true. Raises FormatError."""
    fields = parse_object(inclusion.header, "inclusion: heading")
    names = [fields.get(name) for name in ("exchange", "as_of", "identifier")]
    lines = fields.get("lines")
    if not all(isinstance(name, str) for name in names) or type(lines) is not int or names[2] not in IDENTIFIERS:
        raise FormatError("inclusion: heading: expected that of solvency terms")
    return Heading(str(names[0]), str(names[1]), str(names[2]), lines)


def _table_row(held: IncludedRow, inclusion: Inclusion) -> dict[str, Any]:
    """Parse a table row. Only its place in the Merkle tree makes it true: its number must be the leaf's."""
    row = parse_object(held.table_row, "inclusion: line")
    asset, decimals, number, count = row.get("asset"), row.get("decimals"), row.get("line"), heading_of(inclusion).lines
    if not isinstance(asset, str) or type(decimals) is not int or type(number) is not int or not 0 <= decimals <= 18:
        raise FormatError("inclusion: line: expected a table row of solvency terms")
    if number != held.row.line or not 1 <= number <= count or len(held.path) != path_length(count):
        raise ProofRejected("a holding's line is not the one that it names")
    return row


def _balances(inclusion: Inclusion, table_rows: Sequence[dict[str, Any]]) -> list[Balance]:
    """Balances by asset; tiers of one asset are added up."""
    totals: dict[tuple[str, int], list[int]] = {}
    for held, table_row in zip(inclusion.holdings, table_rows, strict=True):
        row = held.row
        of_asset = totals.setdefault((table_row["asset"], table_row["decimals"]), [0, 0, 0])
        for position, lots in enumerate((row.free + row.collateral, row.debt, row.collateral)):
            of_asset[position] += lots
    return [Balance(asset, *(_amount(lots, decimals) for lots in sums)) for (asset, decimals), sums in totals.items()]


def _amount(lots: int, decimals: int) -> str:
    whole, part = divmod(lots, 10**decimals)
    return f"{whole}.{part:0{decimals}d}".rstrip("0").rstrip(".") if decimals else str(whole)


# -- files -------------------------------------------------------------------------------------------------------------


def inclusion_to_json(inclusion: Inclusion, liabilities: bytes) -> dict[str, Any]:
    """The document's fields."""
    return {
        "customer": inclusion.customer,
        "salt": "0x" + inclusion.salt.hex(),
        "heading": inclusion.header.decode("ascii"),
        "nonce": "0x" + inclusion.nonce.hex(),
        "setup": "0x" + inclusion.setup.hex(),
        "rows": inclusion.rows,
        "batches": inclusion.batches,
        "batch": "0x" + inclusion.leaf.hex(),
        "batch_path": ["0x" + node.hex() for node in inclusion.leaf_path],
        "first_row": inclusion.first_row,
        "holdings": [
            {
                "line": held.table_row.decode("ascii"),
                "line_path": _path_to_json(held.path),
                "free": str(held.row.free),
                "collateral": str(held.row.collateral),
                "debt": str(held.row.debt),
                "opening": "0x" + encode_g1(held.opening).hex(),
            }
            for held in inclusion.holdings
        ],
        "liabilities": "0x" + liabilities.hex(),
    }


@lru_cache(maxsize=4096)
def _path_to_json(path: tuple[bytes, ...]) -> tuple[str, ...]:
    """A table row's path, which everybody who holds the asset is given."""
    return tuple("0x" + node.hex() for node in path)


def read_inclusion(path: str | Path) -> tuple[Inclusion, bytes]:
    """An inclusion file and the liabilities digest that it states; nothing is checked yet. Raises FormatError."""
    fields = Fields(path, read_document(path, KIND), secret=True)
    where = str(path)
    customer = fields.text("customer")
    customer_bytes(customer, f"{where}: field 'customer'")
    rows = fields.integer("rows", MIN_ROWS, MAX_ROWS)
    batches = fields.integer("batches", 1, MAX_BATCHES)
    held = fields.array("holdings")
    if not 1 <= len(held) <= MAX_HOLDINGS or not all(isinstance(each, dict) for each in held):
        raise FormatError(f"{where}: field 'holdings': expected 1 to {MAX_HOLDINGS} objects")
    inclusion = Inclusion(
        customer=customer,
        salt=fields.hexadecimal("salt", SALT_BYTES),
        header=_ascii(fields.text("heading"), f"{where}: field 'heading'"),
        nonce=fields.hexadecimal("nonce", 32),
        setup=fields.hexadecimal("setup", 32),
        rows=rows,
        batches=batches,
        leaf=fields.hexadecimal("batch", LEAF_BYTES),
        leaf_path=_path(fields, "batch_path", where),
        first_row=fields.integer("first_row", 1, rows - 2),
        holdings=tuple(
            _held(Fields(f"{where}: holdings[{i}]", each, secret=True), f"{where}: holdings[{i}]")
            for i, each in enumerate(held)
        ),
    )
    stated = fields.hexadecimal("liabilities", 32)
    fields.finish()
    return inclusion, stated


def _held(fields: Fields, where: str) -> IncludedRow:
    table_row = _ascii(fields.text("line"), f"{where}: field 'line'")
    number = parse_object(table_row, f"{where}: field 'line'").get("line")
    if type(number) is not int or not 1 <= number < 1 << 31:
        raise FormatError(f"{where}: field 'line': expected a table row of solvency terms")
    amounts = [_lots(fields.text(name), f"{where}: field {name!r}") for name in ("free", "collateral", "debt")]
    held = IncludedRow(
        row=Row(number, *amounts),
        table_row=table_row,
        path=_path(fields, "line_path", where),
        opening=decode_g1(fields.hexadecimal("opening", 64), f"{where}: field 'opening'", allow_infinity=True),
    )
    fields.finish()
    return held


def _lots(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) < 1 << QUANTITY_BITS):
        raise FormatError(f"{where}: expected a whole number of lots below 2^{QUANTITY_BITS} as a string")
    return int(text)


def _path(fields: Fields, name: str, where: str) -> tuple[bytes, ...]:
    nodes = fields.array(name)
    found = []
    for node in nodes:
        if (digest := decode_hex(node, HASH_BYTES, HASH_BYTES)) is None or len(nodes) > MAX_PATH:
            raise FormatError(f"{where}: field {name!r}: expected at most {MAX_PATH} hashes")
        found.append(digest)
    return tuple(found)


def _ascii(text: str, where: str) -> bytes:
    if not text.isascii() or len(text) > 1 << 16:
        raise FormatError(f"{where}: expected at most 65536 ASCII characters")
    return text.encode()
