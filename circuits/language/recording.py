"""What a program says, as records: columns, scalars, constraints, and the hints that compute private values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from zkmargin.circuits.language.traced import Scalar, Vector
from zkmargin.prover.kernels.interface import Backend
from zkmargin.verifier.circuit import Identity, Lookup, MaskColumn, PublicScalar
from zkmargin.verifier.expression import Column, ColumnKind

MAX_SCALAR_ROWS: Final = 4
"""Limb rows of a private scalar: with rows of 60 bits, 240 bits. A 255-bit slack once proved an insolvent account."""
MAX_SPARSE_ROWS: Final = 96
"""Up to here the verifier computes a row mask by itself; beyond, it is a fixed column with a commitment."""
DEFAULT_ROW_BITS: Final = 60
MAX_RANGE_BITS: Final = 252
"""Widest range: 2^252 < r / 2, so that a value and its sign are unique modulo r."""
PACKING_SHIFT: Final = 126
"""Bits between the parts of a packed column: two parts stay below r, each sum below 2^126."""

Interval = tuple[int, int]


class HintContext(Protocol):
    """What a hint sees while a witness is generated: columns and scalars recorded before it.

    Vectors are the back end's own. `zkmargin.circuits.language.witness.WitnessContext` is what hints are called with.
    """

    @property
    def backend(self) -> Backend[Any, Any]:
        """Makes and combines vectors."""

    @property
    def splits(self) -> Mapping[int, tuple[Any, Any]]:
        """Sign flags and magnitudes, by holding."""

    def evaluate(self, vector: Vector) -> Any:
        """A traced vector's values."""

    def sum(self, vector: Vector) -> int:
        """The sum of a traced vector over all rows, as a centred integer."""

    def scalar(self, scalar: Scalar) -> int:
        """A traced scalar's value."""

    def hint(self, name: str) -> int:
        """A private integer computed outside the program. Raises FormatError when it was not given."""

    def given(self, name: str) -> Any:
        """A private vector computed outside the program. Raises FormatError when it was not given."""

    def sparse(self, entries: Mapping[int, int]) -> Any:
        """A vector that is zero but for these rows."""


VectorHint = Callable[[HintContext], Any]
"""Computes a column's values (a back end's vector) from columns recorded before it."""
ScalarHint = Callable[[HintContext], int]


def hint(name: str) -> ScalarHint:
    """The scalar hint that takes `name` from the inputs' hints."""
    return lambda context: context.hint(name)


def given(name: str) -> VectorHint:
    """The vector hint that takes `name` from the inputs' columns."""
    return lambda context: context.given(name)


@dataclass(frozen=True)
class RangedColumns:
    """A private vector in [0, 2^bits), held as digit columns; `node` recomposes it."""

    label: str
    bits: int
    digits: tuple[int, ...]
    node: int
    hint: VectorHint
    signed_holding: int | None


@dataclass(frozen=True)
class FreeColumn:
    """A private vector given by a hint; `bound` is what a constraint proves about it, as an interval or a node."""

    label: str
    index: int
    hint: VectorHint


@dataclass(frozen=True)
class PrivateScalar:
    """A private scalar in [0, 2^bits), held in digit rows at the end of the domain."""

    label: str
    bits: int
    hint: ScalarHint


@dataclass(frozen=True)
class SumConstraint:
    """sum over rows of `vector` = `right`: over the integers, or modulo r where that is all that is meant."""

    label: str
    vector: int
    right: Scalar
    modular: bool = False


Step = RangedColumns | FreeColumn | PrivateScalar


class SignSplit(NamedTuple):
    """A holding q in parts, (rows,) each: 1 where it is negative, else 0; |q|; max(-q, 0)."""

    negative: Vector
    absolute: Vector
    short: Vector


@dataclass(frozen=True)
class HoldingNames:
    """What a program calls a holding q, |q| and max(-q, 0): columns that the circuit does not have.

    A circuit reads the committed column in one identity only, linearly, so that no proof evaluates it. Where the
    program names it the compiler writes what the identity equates it with (`Recording.definitions`).
    """

    net: Column
    absolute: Column
    short: Column

    @classmethod
    def of(cls, index: int) -> HoldingNames:
        """The names of holding `index`; negative, so that no column of a circuit is called so."""
        first = -1 - 3 * index
        return cls(*(Column(ColumnKind.HOLDING, first - k) for k in range(3)))


@dataclass(frozen=True)
class Split:
    """q = (S - 2 s) a with S one on active rows: the nodes of s and a. S is known only once all scalars are."""

    label: str
    holding: int
    negative: int
    magnitude: int


@dataclass(frozen=True)
class PackedColumn:
    """A public column that holds several: sum_j 2^(shift j) part_j, each part within `part`.

    Only `require_packed_sums` can tell the parts apart, and only because it bounds what each sums to.
    """

    column: int
    node: int
    part: Interval
    count: int
    shift: int


@dataclass(frozen=True)
class PackedSums:
    """For each j: sum over rows of weight * part_j = rights[j]. Checked by the compiler, lowered to one sum."""

    label: str
    packed: PackedColumn
    weight: int
    rights: tuple[Scalar, ...]


@dataclass(frozen=True)
class FractionTerm:
    """numerator / key on every row, as nodes; a key of several parts is a tuple."""

    numerator: int
    key: tuple[int, ...]


@dataclass
class Recording:
    """What a program has said so far; the compiler reads it."""

    fixed: list[tuple[str, Sequence[int]]] = field(default_factory=list)
    market: list[tuple[str, Interval]] = field(default_factory=list)
    holdings: list[str] = field(default_factory=list)
    witness: list[str] = field(default_factory=list)
    bounds: dict[Column, Interval | int] = field(default_factory=dict)
    """What is proven of a column: an interval, or the node it equals."""
    sparse: dict[tuple[tuple[int, int], ...], int] = field(default_factory=dict)
    masks: list[MaskColumn] = field(default_factory=list)
    public: list[PublicScalar] = field(default_factory=list)
    private: list[PrivateScalar] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)
    splits: dict[int, Split] = field(default_factory=dict)
    """By holding."""
    definitions: dict[Column, int] = field(default_factory=dict)
    """For each name of a holding the node that it stands for."""
    lookups: list[Lookup] = field(default_factory=list)
    sums: list[SumConstraint] = field(default_factory=list)
    packed_sums: list[PackedSums] = field(default_factory=list)
    fractions: list[tuple[str, tuple[FractionTerm, ...]]] = field(default_factory=list)
    booleans: set[int] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
