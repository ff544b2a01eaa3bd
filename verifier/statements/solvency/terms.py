"""The terms of a solvency statement: assets, prices, haircuts, what is to be shown. Public; all read them alike.

Amounts are whole lots: an asset's lot is 10^-decimals of it. Values are whole units of 10^-value_decimals USD.

Haircuts fall with size, in tiers: collateral between two boundaries counts with the tier's ratio. Every tier of every
asset is a row of one public table, numbered from 1 in the order of the terms:

| column | content | rounding |
|---|---|---|
| line | number of the table row | |
| asset | number of the asset, from 1 | |
| rate | value that a lot of collateral in this tier counts for | down |
| price | value that a lot of debt weighs | up |
| width | lots of collateral that the tier has room for; the last tier's is 2^60 - 1 | down |

A customer's collateral in one asset is split over the asset's table rows, each used at most once and never beyond its
width: as ratios fall, no split counts for more than the tiers say. Row 0 is "nothing": no asset, no price, no room.

No rounding moves a rate, price or width by more than a millionth of itself: a lot that is worth less than the unit of
value would else let a small debt weigh as much as a large one.

Where debts lessen what is owed (`count_debts`), each asset has caps on all customers' debt and collateral, and those
totals are published: however many accounts borrow against whatever collateral, it is seen, and bounded by these terms.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from zkmargin.verifier.decimals import is_decimal
from zkmargin.verifier.documents import Fields, read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import format_address, parse_address
from zkmargin.verifier.instants import format_seconds, parse_seconds
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.merkle import MerkleTree
from zkmargin.verifier.statements.solvency.accounts import IDENTIFIERS
from zkmargin.verifier.text import quoted

KIND: Final = "solvency-terms"
DOMAIN: Final = b"zkmargin/solvency-terms/v2"
QUANTITY_BITS: Final = 60
PRICE_BITS: Final = 52
MAX_ASSETS: Final = 1 << 13
MAX_TIERS: Final = 16
MOST_ROUNDING: Final = Fraction(1, 10**6)
"""By how much of itself rounding may move a rate, a price or a width."""
TOTALS: Final = ("equity", "debt", "collateral")
"""The totals by asset that every batch commits to, in the order of the circuit's holdings."""
TABLE: Final = ("line", "asset", "rate", "price", "width")
"""The columns of the public table, in the order of the circuit's market columns."""
TABLE_BITS: Final = {"line": 32, "asset": 32, "rate": PRICE_BITS, "price": PRICE_BITS, "width": QUANTITY_BITS}
MAX_NAME: Final = 64
_NAME: Final = re.compile(r"[A-Za-z0-9]+(?:[ ._/+-][A-Za-z0-9]+)*")
"""Of exchanges, assets and custodians: ASCII, which NFKC leaves as it is, without blanks at the ends or in a row."""
_LOOK: Final = str.maketrans({"I": "l", "1": "l", "O": "0", "o": "0", **dict.fromkeys("._/+-", " ")})
_CHAIN_ID: Final = re.compile(r"eip155:[1-9][0-9]{0,31}|(?!eip155:)[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}")
"""CAIP-2, a number of EIP-155 in its one spelling."""


class TermsError(FormatError):
    """Terms that no statement can be about. The message names the asset and the field."""


@dataclass(frozen=True)
class Tier:
    """From this value in USD on, collateral counts with this ratio."""

    from_usd: Fraction
    ratio: Fraction


@dataclass(frozen=True)
class Asset:
    """A listed asset. reserve_ratio: what a unit of reserves counts for when coverage is by value.

    max_debt, max_collateral: caps, in units of the asset, on what all customers owe and pledge; where debts count.
    """

    id: str
    decimals: int
    price_usd: Fraction
    tiers: tuple[Tier, ...]
    reserve_ratio: Fraction
    max_debt: Fraction | None = None
    max_collateral: Fraction | None = None


@dataclass(frozen=True)
class Chain:
    """A chain by its canonical CAIP-2 id, such as eip155:1, and the block at which its wallets are counted."""

    id: str
    block: int
    block_hash: bytes


@dataclass(frozen=True)
class Custodian:
    """Somebody who vouches for reserves that are in their custody, by the address of their signing key."""

    name: str
    address: bytes


@dataclass(frozen=True)
class Terms:
    """Checked terms. Construction raises TermsError naming what is wrong.

    identifier: by what customers are known, one of `IDENTIFIERS`: something that the exchange does not choose.
    chains: the block of each chain at which wallets are counted. custodians: who else may vouch for reserves.
    coverage: reserves cover what is owed `by asset`, or `by value` under reserve ratios. count_debts: whether what
    customers owe lessens what is owed to them; then debt and collateral by asset are capped and published. totals:
    whether equity by asset, and with it all totals, are published or hidden.
    """

    exchange: str
    as_of: int
    value_decimals: int
    coverage: str
    count_debts: bool
    totals: str
    assets: tuple[Asset, ...]
    chains: tuple[Chain, ...] = ()
    custodians: tuple[Custodian, ...] = ()
    identifier: str = "email"

    def __repr__(self) -> str:
        return f"Terms({self.exchange}, {len(self.assets)} assets)"

    def __post_init__(self) -> None:
        _check(self)

    @property
    def published(self) -> tuple[str, ...]:
        """Which of `TOTALS` every statement under these terms publishes."""
        return TOTALS if self.totals == "public" else TOTALS[1:] if self.count_debts else ()

    def caps(self, total: str) -> tuple[int, ...]:
        """The caps on `debt` or `collateral` in lots by asset number, from 0, where debts count."""
        caps = [getattr(asset, f"max_{total}") or Fraction(0) for asset in self.assets]
        return (0, *(int(cap * 10**asset.decimals) for cap, asset in zip(caps, self.assets, strict=True)))

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Each asset's number, from 1."""
        return {asset.id: number for number, asset in enumerate(self.assets, 1)}

    @cached_property
    def table_rows(self) -> tuple[TableRow, ...]:
        """The public table; table_rows[i] has the number i + 1."""
        return tuple(_table_rows(self))

    @cached_property
    def table_rows_of(self) -> tuple[tuple[TableRow, ...], ...]:
        """The table rows of each asset, by number; the number 0 has none."""
        found: list[list[TableRow]] = [[] for _ in range(len(self.assets) + 1)]
        for row in self.table_rows:
            found[row.asset].append(row)
        return tuple(map(tuple, found))

    def table(self) -> dict[str, list[int]]:
        """The columns of the public table, from row 0, which stands for "nothing"."""
        rows = [TableRow(0, 0, 0, 0, 0), *self.table_rows]
        return {name: [getattr(row, name) for row in rows] for name in TABLE}

    @cached_property
    def digest(self) -> bytes:
        """Names the terms. Table rows are bound by a Merkle root, so that a customer needs only those of their own."""
        return terms_digest(self.header, self.tree.root)

    @cached_property
    def header(self) -> bytes:
        """Everything but the assets, and how many table rows there are: canonical JSON."""
        document = self.to_json()
        del document["assets"]
        return _canonical({**document, "lines": len(self.table_rows)})

    @cached_property
    def tree(self) -> MerkleTree:
        """The tree over all table rows."""
        return MerkleTree(self.leaves)

    @cached_property
    def leaves(self) -> tuple[bytes, ...]:
        """What the Merkle root is over: each table row's asset, price and tier; canonical JSON."""
        leaves = []
        for row in self.table_rows:
            asset = self.assets[row.asset - 1]
            tier = asset.tiers[row.line - self.table_rows_of[row.asset][0].line]
            leaves.append(
                _canonical(
                    {
                        "line": row.line,
                        "asset": asset.id,
                        "decimals": asset.decimals,
                        "price_usd": decimal_text(asset.price_usd),
                        "from_usd": decimal_text(tier.from_usd),
                        "ratio": decimal_text(tier.ratio),
                        "reserve_ratio": decimal_text(asset.reserve_ratio),
                        **_caps_to_json(asset),
                    }
                )
            )
        return tuple(leaves)

    def to_json(self) -> dict[str, Any]:
        """The document's fields."""
        return {
            "exchange": self.exchange,
            "as_of": format_seconds(self.as_of),
            "identifier": self.identifier,
            "value_decimals": self.value_decimals,
            "coverage": self.coverage,
            "count_debts": self.count_debts,
            "totals": self.totals,
            "chains": [{"id": c.id, "block": c.block, "block_hash": "0x" + c.block_hash.hex()} for c in self.chains],
            "custodians": [{"name": c.name, "address": format_address(c.address)} for c in self.custodians],
            "assets": [
                {
                    "id": asset.id,
                    "decimals": asset.decimals,
                    "price_usd": decimal_text(asset.price_usd),
                    "tiers": [
                        {"from_usd": decimal_text(t.from_usd), "ratio": decimal_text(t.ratio)} for t in asset.tiers
                    ],
                    "reserve_ratio": decimal_text(asset.reserve_ratio),
                    **_caps_to_json(asset),
                }
                for asset in self.assets
            ],
        }

    def format_amount(self, asset: int, lots: int) -> str:
        """A number of lots as a decimal amount of asset number `asset`."""
        decimals = self.assets[asset - 1].decimals
        whole, part = divmod(abs(lots), 10**decimals)
        digits = f".{part:0{decimals}d}".rstrip("0").rstrip(".") if decimals else ""
        return f"{'-' if lots < 0 else ''}{whole}{digits}"


@dataclass(frozen=True)
class TableRow:
    """A row of the public table."""

    line: int
    asset: int
    rate: int
    price: int
    width: int


def terms_from_fields(fields: Fields, where: str) -> Terms:
    """Check a document's fields. Raises FormatError naming the field."""
    terms = Terms(
        exchange=fields.text("exchange"),
        as_of=parse_seconds(fields.text("as_of"), f"{where}: field 'as_of'"),
        value_decimals=fields.integer("value_decimals", 0, 30),
        coverage=fields.text("coverage"),
        count_debts=fields.boolean("count_debts") if "count_debts" in fields.names else False,
        totals=fields.text("totals"),
        assets=tuple(_asset(each, f"{where}: assets[{i}]") for i, each in enumerate(_records(fields, "assets", where))),
        chains=tuple(_chain(each) for each in _records(fields, "chains", where)),
        custodians=tuple(_custodian(each, where) for each in _records(fields, "custodians", where)),
        identifier=fields.text("identifier"),
    )
    fields.finish()
    return terms


def read_terms(path: str | Path) -> Terms:
    """Terms from their file. Raises FormatError; OSError when it cannot be read."""
    return terms_from_fields(Fields(path, read_document(path, KIND)), str(path))


def decimal_fraction(text: object, where: str) -> Fraction:
    """A number of at least zero from decimal digits. Raises FormatError."""
    if not isinstance(text, str) or not is_decimal(text) or text.startswith("-"):
        raise TermsError(f"{where}: expected a decimal number of at least zero as a string, such as '0.95'")
    return Fraction(Decimal(text))


def terms_digest(header: bytes, root: bytes) -> bytes:
    """Return the digest of terms with this header and this root of table rows."""
    return keccak256(DOMAIN + keccak256(header) + root)


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode()


def _records(fields: Fields, name: str, where: str) -> list[Fields]:
    """The objects of a list."""
    values = fields.array(name)
    for position, value in enumerate(values):
        if not isinstance(value, dict):
            raise TermsError(f"{where}: {name}[{position}]: expected an object")
    return [Fields(f"{where}: {name}[{position}]", value) for position, value in enumerate(values)]


def _chain(fields: Fields) -> Chain:
    chain = Chain(fields.text("id"), fields.integer("block", 0, (1 << 63) - 1), fields.hexadecimal("block_hash", 32))
    fields.finish()
    return chain


def _custodian(fields: Fields, where: str) -> Custodian:
    custodian = Custodian(fields.text("name"), parse_address(fields.text("address"), f"{where}: custodians: 'address'"))
    fields.finish()
    return custodian


def _asset(fields: Fields, where: str) -> Asset:
    tiers = []
    for position, tier in enumerate(_records(fields, "tiers", where)):
        boundary = decimal_fraction(tier.raw("from_usd"), f"{where}: tiers[{position}].from_usd")
        tiers.append(Tier(boundary, decimal_fraction(tier.raw("ratio"), f"{where}: tiers[{position}].ratio")))
        tier.finish()
    asset = Asset(
        id=fields.text("id"),
        decimals=fields.integer("decimals", 0, 18),
        price_usd=decimal_fraction(fields.raw("price_usd"), f"{where}: field 'price_usd'"),
        tiers=tuple(tiers),
        reserve_ratio=decimal_fraction(fields.raw("reserve_ratio"), f"{where}: field 'reserve_ratio'"),
        max_debt=_cap(fields, "max_debt", where),
        max_collateral=_cap(fields, "max_collateral", where),
    )
    fields.finish()
    return asset


def _cap(fields: Fields, name: str, where: str) -> Fraction | None:
    return decimal_fraction(fields.raw(name), f"{where}: field {name!r}") if name in fields.names else None


def _caps_to_json(asset: Asset) -> dict[str, str]:
    caps = {"max_debt": asset.max_debt, "max_collateral": asset.max_collateral}
    return {name: decimal_text(cap) for name, cap in caps.items() if cap is not None}


def _check(terms: Terms) -> None:
    _check_names("exchange", [terms.exchange])
    choices = (("coverage", ("asset", "value")), ("totals", ("hidden", "public")), ("identifier", tuple(IDENTIFIERS)))
    for name, allowed in choices:
        if getattr(terms, name) not in allowed:
            raise TermsError(f"{name}: expected {' or '.join(map(repr, allowed))}, got {getattr(terms, name)!r:.40}")
    if not 1 <= len(terms.assets) <= MAX_ASSETS:
        raise TermsError(f"assets: expected 1 to {MAX_ASSETS}, got {len(terms.assets)}")
    chains = [chain.id for chain in terms.chains]
    if len(set(chains)) < len(chains) or not all(map(_CHAIN_ID.fullmatch, chains)):
        raise TermsError("chains: expected different CAIP-2 ids, such as eip155:1")
    if len({chain.block_hash for chain in terms.chains}) < len(chains):
        raise TermsError("chains: expected a block of its own for each: one chain under two names counts wallets twice")
    _check_names("custodians", [custodian.name for custodian in terms.custodians])
    if len({custodian.address for custodian in terms.custodians}) < len(terms.custodians):
        raise TermsError("custodians: expected different addresses: one key is one custodian")
    _check_names("assets", [asset.id for asset in terms.assets])
    for asset in terms.assets:
        _check_asset(asset)
        _check_caps(asset, count_debts=terms.count_debts)
    for row in terms.table_rows:
        asset = terms.assets[row.asset - 1]
        if row.price >= 1 << PRICE_BITS:
            raise TermsError(
                f"asset {asset.id}: a lot is worth 2^{PRICE_BITS} units of value or more; give the asset more decimals "
                "or the terms fewer value_decimals"
            )
        _check_rounding(row, asset, asset.tiers[row.line - terms.table_rows_of[row.asset][0].line], terms)


def _check_names(what: str, names: Sequence[str]) -> None:
    """Raise TermsError unless every name is one, and none looks like another before it."""
    seen: dict[str, str] = {}
    for name in names:
        check_name(what, name)
        for look in looks_of(name):
            if seen.setdefault(look, name) != name or names.count(name) > 1:
                raise TermsError(
                    f"{what}: {quoted(name)}: expected a name that does not look like {quoted(seen[look])}"
                )


def check_name(what: str, name: str) -> None:
    """Raise TermsError unless a text is a name in its one spelling."""
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise TermsError(
            f"{what}: {quoted(name)}: expected a name of 1 to {MAX_NAME} ASCII letters and digits, with single blanks "
            "or ._/+- between them"
        )


def looks_of(name: str) -> tuple[str, str]:
    """What a name looks like: to who does not mind capitals, and to who reads I, l, 1 and O, 0 alike, rn as m."""
    drawn = name.translate(_LOOK).replace("rn", "m").replace("vv", "w")
    return f"any case: {name.casefold()}", f"drawn: {drawn}"


def _check_asset(asset: Asset) -> None:
    if asset.price_usd <= 0:
        raise TermsError(f"asset {asset.id}: price_usd: expected more than zero")
    if not 1 <= len(asset.tiers) <= MAX_TIERS or asset.tiers[0].from_usd != 0:
        raise TermsError(f"asset {asset.id}: tiers: expected 1 to {MAX_TIERS}, the first from 0")
    for tier, following in zip(asset.tiers, asset.tiers[1:], strict=False):
        if following.from_usd <= tier.from_usd or following.ratio > tier.ratio:
            raise TermsError(f"asset {asset.id}: tiers: expected boundaries that rise and ratios that never do")
    if asset.tiers[0].ratio > 1 or asset.reserve_ratio > 1:
        raise TermsError(f"asset {asset.id}: expected ratios of at most 1")


def _check_caps(asset: Asset, *, count_debts: bool) -> None:
    for name, cap in (("max_debt", asset.max_debt), ("max_collateral", asset.max_collateral)):
        if count_debts and cap is None:
            raise TermsError(
                f"asset {asset.id}: {name}: expected a cap, as count_debts is true: debts that lessen what is owed are "
                "bounded by the terms"
            )
        if cap is not None and not count_debts:
            raise TermsError(f"asset {asset.id}: {name}: expected no cap, as debts do not count")
        if cap is not None and (cap * 10**asset.decimals).denominator != 1:
            raise TermsError(f"asset {asset.id}: {name}: expected at most {asset.decimals} decimals")


def _check_rounding(row: TableRow, asset: Asset, tier: Tier, terms: Terms) -> None:
    """Raise TermsError where a column of the table differs from what it stands for by more than `MOST_ROUNDING`."""
    value = lot_value(asset, terms.value_decimals)
    exact = [("price", row.price, value), ("rate", row.rate, value * tier.ratio)]
    if (following := row.line - terms.table_rows_of[row.asset][0].line + 1) < len(asset.tiers):
        room = (asset.tiers[following].from_usd - tier.from_usd) / (asset.price_usd / 10**asset.decimals)
        exact.append(("width", row.width, min(room, Fraction((1 << QUANTITY_BITS) - 1))))
    for column, rounded, wanted in exact:
        if abs(rounded - wanted) > wanted * MOST_ROUNDING:
            remedy = "give the asset more decimals" if column == "width" else "give the terms more value_decimals"
            where = f"asset {asset.id}: tier from {decimal_text(tier.from_usd)}"
            raise TermsError(f"{where}: rounding moves its {column} by more than a millionth: {remedy}")


def lot_value(asset: Asset, value_decimals: int) -> Fraction:
    """Units of value that a lot is worth, exactly."""
    return asset.price_usd * Fraction(10) ** (value_decimals - asset.decimals)


def _table_rows(terms: Terms) -> Sequence[TableRow]:
    rows: list[TableRow] = []
    for number, asset in enumerate(terms.assets, 1):
        lot_usd = asset.price_usd / 10**asset.decimals
        value = lot_value(asset, terms.value_decimals)
        for position, tier in enumerate(asset.tiers):
            width = (1 << QUANTITY_BITS) - 1
            if position + 1 < len(asset.tiers):
                width = min(width, (asset.tiers[position + 1].from_usd - tier.from_usd) // lot_usd)
            rate, price = int(value * tier.ratio // 1), int(-(-value // 1))
            rows.append(TableRow(len(rows) + 1, number, rate, price, width))
    return rows


def decimal_text(value: Fraction) -> str:
    """A decimal fraction, exactly, in one way only."""
    scale = 0
    while (value * 10**scale).denominator != 1:
        scale += 1
    digits = str(int(value * 10**scale)).zfill(scale + 1)
    return f"{digits[: len(digits) - scale]}.{digits[len(digits) - scale :]}" if scale else digits
