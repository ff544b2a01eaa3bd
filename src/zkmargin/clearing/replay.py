"""Books rebuilt from the chain's events and one key: nothing else is needed, and nothing is believed.

Every event moves an opening, and every book that the ledger wrote is compared with the commitment to it. With the
account's key the whole book is rebuilt; with the risk key the first point, C, of every account. A reblinding's rho is
derived from the account's key, and found again in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from zkmargin.clearing.seals import NOTHING, Commit, Opening, open_seal
from zkmargin.verifier.curve import G1, INFINITY
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import word
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.statements.clearing import House

CASH_TOKEN: Final = 0


class ReplayError(FormatError):
    """Events that do not add up to the books that the ledger wrote. Names the account and its checkpoint."""


@dataclass(frozen=True)
class Booked:
    """Lots that came into an account's book: the deposit that opened it, or what it folded in."""

    account: bytes
    token: int
    lots: int


@dataclass(frozen=True)
class Released:
    """Lots that an account withdrew."""

    account: bytes
    token: int
    lots: int


@dataclass(frozen=True)
class Sealed:
    """A trade's or a sweep's D, with its seal. fee: lots of cash, taken besides."""

    account: bytes
    d: G1
    fee: int
    seal: bytes


@dataclass(frozen=True)
class Reblinded:
    """R was added to an account's second point."""

    account: bytes
    r: G1


@dataclass(frozen=True)
class TakenOver:
    """An account's first point became an estate, and its book an empty one."""

    account: bytes
    estate: int
    c: G1


@dataclass(frozen=True)
class Merged:
    """An estate was added to the fund's book."""

    account: bytes
    estate: int


@dataclass(frozen=True)
class Written:
    """A book as the ledger wrote it, after what led to it. index: of the account's checkpoints, from zero."""

    account: bytes
    index: int
    c: G1
    b: G1


Event: TypeAlias = Booked | Released | Sealed | Reblinded | TakenOver | Merged | Written


@dataclass(frozen=True)
class OpenBook:
    """What opens an account's two points; `b` is None to whoever does not know it. Secret."""

    c: Opening = NOTHING
    b: int | None = 1
    count: int = 0

    def __repr__(self) -> str:
        return f"OpenBook({self.count} checkpoints)"

    @property
    def lots(self) -> Mapping[int, int]:
        """Lots by row."""
        return self.c.lots


@dataclass
class Replay:
    """Replays the events of accounts whose seals a key opens.

    rows: the row of every listed token. own: the account of the key; None for the risk key, which knows no B.
    estates: what opens estates that were merged, for the fund: the risk key tells it.
    """

    house: House
    rows: tuple[int, ...]
    key: bytes
    commit: Commit
    own: bytes | None = None
    books: dict[bytes, OpenBook] = field(default_factory=dict)
    estates: dict[int, Opening] = field(default_factory=dict)

    def run(self, events: Iterable[Event]) -> None:
        """Follow the events in the chain's order. Raises ReplayError or SealError where they do not add up."""
        for event in events:
            if self.own is None or event.account == self.own:
                self._follow(event)

    def book(self, account: bytes) -> OpenBook:
        """The account's book after the events so far."""
        return self.books.get(account, OpenBook(b=1 if self.own is not None else None))

    def _follow(self, event: Event) -> None:
        book = self.book(event.account)
        match event:
            case Booked(token=token, lots=lots):
                book = replace(book, c=book.c + self._tokens(event.account, token, lots))
            case Released(token=token, lots=lots):
                book = replace(book, c=book.c + self._tokens(event.account, token, -lots))
            case Sealed(account=account, d=d, fee=fee, seal=data):
                opening = open_seal(
                    data, d, house=self.house, account=account, private_key=self.key, commit=self.commit
                )
                if fee:
                    opening += self._tokens(account, CASH_TOKEN, -fee)
                book = replace(book, c=book.c + opening)
            case Reblinded(r=r):
                book = self._reblind(event.account, book, r)
            case TakenOver(estate=estate, c=c):
                self._check(event.account, book, "estate", c, self._commit(book.c))
                self.estates[estate] = book.c
                book = replace(book, c=NOTHING, b=None if book.b is None else 1)
            case Merged(estate=estate):
                if estate not in self.estates:
                    raise ReplayError(f"estate {estate}: expected its opening from the risk key, which knows it")
                book = replace(book, c=book.c + self.estates.pop(estate))
            case Written(index=index, c=c, b=b):
                self._check(event.account, book, "first point", c, self._commit(book.c))
                if book.b is not None:
                    self._check(event.account, book, "second point", b, self.commit({}, book.b))
                book = replace(book, count=index + 1)
        self.books[event.account] = book

    def _reblind(self, account: bytes, book: OpenBook, r: G1) -> OpenBook:
        if book.b is None:
            return book
        rho = reblinding_secret(self.key, self.house, account, book.count)
        self._check(account, book, "reblinding", r, self.commit({}, rho))
        return replace(book, b=(book.b + rho) % SCALAR_MODULUS)

    def _tokens(self, account: bytes, token: int, lots: int) -> Opening:
        if not 0 <= token < len(self.rows):
            raise ReplayError(f"account 0x{account.hex()}: expected a listed token, got number {token}")
        return Opening({self.rows[token]: lots}, 0)

    def _commit(self, opening: Opening) -> G1:
        return self.commit(opening.lots, opening.blinding) if opening != NOTHING else INFINITY

    @staticmethod
    def _check(account: bytes, book: OpenBook, what: str, expected: G1, got: G1) -> None:
        if expected != got:
            raise ReplayError(
                f"account 0x{account.hex()}, checkpoint {book.count}: the events do not add up to the {what} that the "
                "chain has; are they complete, in order, and of this house?"
            )


def reblinding_secret(key: bytes, house: House, account: bytes, count: int) -> int:
    """The rho of an account's reblinding at its count-th checkpoint, from its key alone: never twice the same."""
    place = word(house.chain_id) + house.ledger + account + word(count)
    wide = b"".join(keccak256(b"zkmargin/clearing/reblinding/v1" + bytes([i]) + key + place) for i in range(2))
    return int.from_bytes(wide, "big") % SCALAR_MODULUS
