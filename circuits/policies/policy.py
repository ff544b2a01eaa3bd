"""A policy: a file that a risk officer reads and writes, and everything that follows from it.

A book with netted quantities q is adequate under a policy when

    value - deductions >= cover * (risk_factor * sum of requirements + charges)

where each requirement (one a netting group) is at least every loss that a rule names for it. Under measure `equity` the
value is net liquidation value, sum q p; under `asset_cover` it is the assets alone, sum max(q, 0) p, and the debts,
sum max(-q, 0) p, stand on the other side, so that `cover` is a health factor. Prices are rounded down; a short pays one
unit per lot where that gained it something. Holding what the policy does not admit, or what has no fresh price, is
worth nothing long and costs `PUNITIVE_CHARGE_USD_E12` per lot short.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StringConstraints, field_validator, model_validator

from zkmargin.circuits.markets.epoch import MarketArrays, MarketEpoch, market_arrays
from zkmargin.circuits.markets.instruments import KINDS, Kind, Underlying
from zkmargin.circuits.markets.models import StrictModel, canonical_json, parse_model
from zkmargin.circuits.markets.units import (
    PUNITIVE_CHARGE_USD_E12,
    QUANTITY_BITS,
    VALUE_BITS,
    ExactDecimal,
    RangeError,
    fits,
)
from zkmargin.circuits.markets.universe import Universe, UniverseShape
from zkmargin.circuits.policies.builder import ConstraintBuilder
from zkmargin.circuits.policies.calibration import RULE_NAME, Calibration
from zkmargin.circuits.policies.constraints import Constraints, LinearForm, Part, PublicColumn
from zkmargin.circuits.policies.rules.collateral import CollateralFactors, TieredHaircuts
from zkmargin.circuits.policies.rules.contingencies import (
    DeltaCharge,
    ShortOptionMargin,
    ShortOptionMinimum,
    UnitContingencies,
)
from zkmargin.circuits.policies.rules.expiry_contingency import BasisContingency, SkewContingency
from zkmargin.circuits.policies.rules.expiry_scenarios import ExpiryScenarios
from zkmargin.circuits.policies.rules.limits import ConcentrationLimit, LeverageLimit, Limit, Restricted
from zkmargin.circuits.policies.rules.marks import MarkCheck
from zkmargin.circuits.policies.rules.perpetual_margin import (
    NotionalTiers,
    OpenInterestMargin,
    PositionLeverage,
    SizeCharge,
)
from zkmargin.circuits.policies.rules.rule import CHARGE_BITS, VALUE_COLUMN, RiskView
from zkmargin.circuits.policies.rules.scenario_grid import ScenarioGrid
from zkmargin.circuits.policies.rules.scenario_tables import ScenarioTables
from zkmargin.circuits.policies.rules.strike_netting import StrikeNettedShorts
from zkmargin.circuits.policies.rules.supervisory_add_on import SupervisoryAddOn
from zkmargin.circuits.policies.rules.value_at_risk import ValueAtRisk
from zkmargin.circuits.policies.shipped import Shipped, versions_of
from zkmargin.verifier.documents import read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import format_address, parse_address
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.statements.attestation import Attestor
from zkmargin.verifier.statements.trust import by_venue

POLICY_DOMAIN: Final = b"zkmargin/policy/v1"
LONG_CHARGE_COLUMN: Final = "charge.long"
SHORT_CHARGE_COLUMN: Final = "charge.short"
PRESETS: Final = (
    "span",
    "derive-pmrm2",
    "paradex",
    "perpetual-tiers",
    "collateral-factors",
    "tiered-haircuts",
    "regulatory-sa-ccr",
    "stress",
)
"""Names of the shipped policies; each is an initial margin, and has a `-maintenance` sibling."""
ONE_UNDERLYING: Final = ("derive-pmrm2-exact",)
"""Shipped too, each with its sibling: for universes of one underlying, as it takes private scalars by expiry."""
_DIGEST: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_MAX_SECONDS: Final = 10 * 366 * 86400

AnyRule = Annotated[
    ScenarioGrid
    | ScenarioTables
    | ExpiryScenarios
    | BasisContingency
    | SkewContingency
    | UnitContingencies
    | StrikeNettedShorts
    | ShortOptionMinimum
    | ShortOptionMargin
    | DeltaCharge
    | OpenInterestMargin
    | NotionalTiers
    | PositionLeverage
    | SizeCharge
    | CollateralFactors
    | TieredHaircuts
    | ValueAtRisk
    | SupervisoryAddOn
    | MarkCheck
    | Limit
    | LeverageLimit
    | ConcentrationLimit
    | Restricted,
    Field(discriminator="kind"),
]
PolicyName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
VenueName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
Day = Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
Seconds = Annotated[int, Field(gt=0, le=_MAX_SECONDS)]


class PolicyError(FormatError):
    """A policy that does not exist or cannot be sound. The message says which and what to do."""


class Policy(StrictModel):
    """A risk policy; see the module. Rates and amounts are decimal strings.

    `as_of` is the day of its source's parameters. `venues` lists who must attest (empty: whoever checks names them),
    `venue_keys` the address that signs for each of them (none: whoever checks knows them). `unshocked_underlyings` keep
    their price in scenarios. `risk_factor` scales the requirements of scenario and floor rules, not the charges.
    `calibration` says of what price history, and how, the rule `calibrated` was made.
    """

    name: PolicyName
    description: Annotated[str, StringConstraints(max_length=2000)] = ""
    as_of: Day | None = None
    flavour: Literal["initial", "maintenance"]
    measure: Literal["equity", "asset_cover"] = "equity"
    cover: Annotated[ExactDecimal, Field(ge=1, le=100, decimal_places=6)] = Decimal(1)
    risk_factor: Annotated[ExactDecimal, Field(gt=0, le=10, decimal_places=6)] = Decimal(1)
    quantity_bits: Annotated[int, Field(ge=16, le=QUANTITY_BITS)] = QUANTITY_BITS
    admitted_kinds: Annotated[tuple[Kind, ...], Field(strict=False, min_length=1)] = KINDS
    unshocked_underlyings: Annotated[tuple[Underlying, ...], Field(strict=False)] = ("USD",)
    venues: Annotated[tuple[VenueName, ...], Field(strict=False)] = ()
    venue_keys: dict[VenueName, str] | None = None
    max_attestation_age_seconds: Seconds = 86400
    max_price_age_seconds: Seconds = 3600
    validity_seconds: Seconds = 86400
    calibration: Calibration | None = None
    rules: Annotated[tuple[AnyRule, ...], Field(strict=False, min_length=1, max_length=32)]

    def __repr__(self) -> str:
        return f"Policy({self.name}, {len(self.rules)} rules)"

    __str__ = __repr__

    @field_validator("venue_keys")
    @classmethod
    def _spell_keys(cls, keys: dict[str, str] | None) -> dict[str, str] | None:
        """Spell each address in one way, so that the digest does not depend on it."""
        return keys and {venue: format_address(parse_address(key, venue)) for venue, key in keys.items()}

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [rule.name for rule in self.rules]
        if len(set(names)) != len(names):
            raise ValueError("rules: expected distinct names")
        if len(set(self.venues)) != len(self.venues):
            raise ValueError("venues: expected each once")
        if self.venue_keys is not None:
            if set(self.venue_keys) != set(self.venues):
                raise ValueError("venue_keys: expected one for each of the venues, and no other")
            by_venue(self.attestors)
        kinds = {rule.kind for rule in self.rules}
        if "value_at_risk" in kinds and not kinds & {"scenario_grid", "scenario_tables", "expiry_scenarios"}:
            raise ValueError("rules: value at risk is an add-on: expected a scenario_grid beside it")
        if (self.calibration is not None) != any(
            rule.name == RULE_NAME and rule.kind == "value_at_risk" for rule in self.rules
        ):
            raise ValueError(f"calibration: expected one with a value_at_risk rule named {RULE_NAME}, and no other way")
        return self

    # -- what follows -------------------------------------------------------------------------------------------------

    @cached_property
    def digest(self) -> bytes:
        """Names the policy: what a proof is bound to. Two files that mean the same have the same digest."""
        return keccak256(POLICY_DOMAIN + canonical_json(self.to_json()))

    def to_json(self) -> dict[str, Any]:
        """A self-describing document with every field written out."""
        return {"format": "zkmargin/policy", "version": 1, **self.model_dump(mode="json", exclude_none=True)}

    @property
    def attestors(self) -> tuple[Attestor, ...]:
        """The keys that `venue_keys` binds venues to."""
        keys = (self.venue_keys or {}).items()
        return tuple(Attestor(parse_address(key, f"venue_keys.{venue}"), venue) for venue, key in keys)

    @property
    def charges_longs(self) -> bool:
        """Whether longs are ever charged, by parameters alone."""
        return any(rule.charges_longs for rule in self.rules)

    def constraints(self, shape: UniverseShape) -> Constraints:
        """What a book over a universe of this shape must satisfy; independent of market and holdings.

        Raises ConstraintError when a sum might wrap around the field.
        """
        if shape not in self._drafted:
            self._drafted[shape] = self._draft(shape)
        return self._drafted[shape]

    @cached_property
    def _drafted(self) -> dict[UniverseShape, Constraints]:
        """What `constraints` has drafted: a proof asks half a dozen times."""
        return {}

    def _draft(self, shape: UniverseShape) -> Constraints:
        builder = ConstraintBuilder(shape, self.quantity_bits)
        builder.column(VALUE_COLUMN, VALUE_BITS, signed=False)
        builder.column(SHORT_CHARGE_COLUMN, CHARGE_BITS, signed=False)
        builder.charge(LinearForm.of(SHORT_CHARGE_COLUMN, Part.SHORT))
        if self.charges_longs:
            builder.column(LONG_CHARGE_COLUMN, CHARGE_BITS, signed=False)
            builder.charge(LinearForm.of(LONG_CHARGE_COLUMN, Part.LONG))
        if self.measure == "asset_cover":
            builder.charge(LinearForm.of(VALUE_COLUMN, Part.SHORT))
        for rule in self.rules:
            rule.constrain(builder)
        value = LinearForm.of(VALUE_COLUMN, Part.LONG if self.measure == "asset_cover" else Part.NET)
        return builder.finish(value=value, cover=_fraction(self.cover), risk_factor=_fraction(self.risk_factor))

    def public_columns(self, epoch: MarketEpoch) -> dict[str, NDArray[np.int64]]:
        """The epoch's public columns under this policy, in the order of the constraints; (rows,) int64 each.

        Anyone can recompute them from the epoch. Raises RangeError naming the instrument whose column is out of bounds,
        PolicyError for an epoch that names another price history than the policy is calibrated on, or none.
        """
        if self.calibration is not None and epoch.data.history != self.calibration.history:
            raise PolicyError(
                f"policy {self.name}: expected an epoch that names the history {self.calibration.history} that it is "
                f"calibrated on, got {epoch.data.history or 'none'}; build the market with --history"
            )
        arrays = market_arrays(epoch, max_price_age_seconds=self.max_price_age_seconds)
        view = self._view(epoch, arrays)
        arrays = view.arrays
        count = epoch.universe.instrument_rows
        instrument_row = np.arange(epoch.universe.rows) < count
        punished = instrument_row & ~arrays.live
        columns: dict[str, NDArray[np.int64]] = {VALUE_COLUMN: np.where(arrays.live, arrays.value, 0)}
        short = np.where(punished, PUNITIVE_CHARGE_USD_E12, np.where(arrays.live & arrays.inexact, 1, 0))
        long = np.zeros_like(short)
        for rule in self.rules:
            published = rule.publish(view)
            columns.update(published.columns)
            if published.long_charge is not None:
                long += np.where(arrays.live, published.long_charge, 0)
            if published.short_charge is not None:
                short += np.where(arrays.live, published.short_charge, 0)
        columns[SHORT_CHARGE_COLUMN] = short
        if self.charges_longs:
            columns[LONG_CHARGE_COLUMN] = long
        self.check_columns(epoch.universe, columns)
        return {column.name: columns[column.name] for column in self.constraints(epoch.universe.shape).columns}

    def check_columns(self, universe: Universe, columns: Mapping[str, NDArray[np.int64]]) -> None:
        """Raise RangeError, naming the instrument, for a column beyond the bounds that the constraints declare."""
        for column in self.constraints(universe.shape).columns:
            _check_bounds(universe, column, columns[column.name])

    def refuses(self, underlying: str) -> bool:
        """Whether some rule has no parameters for an underlying: it is worth nothing long and punitive short."""
        return underlying not in self.unshocked_underlyings and any(rule.refuses(underlying) for rule in self.rules)

    def _view(self, epoch: MarketEpoch, arrays: MarketArrays) -> RiskView:
        """The epoch's arrays limited to what the policy admits."""
        names = epoch.universe.underlyings
        refused = [slot for slot, name in enumerate(names) if name and self.refuses(name)]
        live = arrays.is_kind(*self.admitted_kinds) & ~np.isin(arrays.underlying, refused)
        admitted = MarketArrays(**{**vars(arrays), "live": live})
        slots = [slot for slot, name in enumerate(epoch.universe.underlyings) if name in self.unshocked_underlyings]
        moves = live & (arrays.underlying >= 0) & ~np.isin(arrays.underlying, slots)
        ceiling = math.ceil(self.risk_factor)
        return RiskView(admitted, epoch.universe.underlyings, moves, ceiling, epoch.universe.listings, epoch.as_of)


def load_policy(name_or_path: str | Path) -> Policy:
    """A shipped policy or a policy file. Raises PolicyError, FormatError, OSError.

    A plain name (`span`, `span-maintenance`, ...) means the newest version, `NAME@YYYY-MM` a dated one, and `0x` with
    64 hexadecimal digits the one with that digest.
    """
    text = str(name_or_path)
    if (found := find_shipped(text)) is not None:
        return read_shipped(found)
    path = Path(name_or_path)
    if not path.exists():
        raise PolicyError(f"policy: expected a file or one of {', '.join((*PRESETS, *ONE_UNDERLYING))}, got {text!r}")
    return _read(path)


def find_shipped(text: str) -> Shipped | None:
    """The shipped policy of a name, a dated alias or a digest; None for what looks like none of these.

    Raises PolicyError for a version or a digest that is not shipped.
    """
    if _DIGEST.fullmatch(text):
        for shipped in shipped_policies():
            if read_shipped(shipped).digest.hex() == text[2:].lower():
                return shipped
        raise PolicyError(f"policy: expected the digest of a shipped policy, got {text}")
    name, at, dated = text.partition("@")
    if name not in shipped_names():
        return None
    versions = versions_of(name)
    if not at:
        return versions[-1]
    for shipped in versions:
        if shipped.version.dated == dated:
            return shipped
    raise PolicyError(f"policy: expected one of {', '.join(shipped.alias for shipped in versions)}, got {text!r}")


def shipped_policies() -> tuple[Shipped, ...]:
    """Every shipped file, of each name the oldest first."""
    return tuple(shipped for name in shipped_names() for shipped in versions_of(name))


def read_shipped(shipped: Shipped) -> Policy:
    """The policy of a shipped file."""
    with resources.as_file(resources.files(__package__) / "presets" / shipped.file_name) as path:
        return _read(path)


def preset_names() -> tuple[str, ...]:
    """Every shipped policy for universes of any kind: the initial flavours, then the maintenance ones."""
    return (*PRESETS, *(f"{name}-maintenance" for name in PRESETS))


def shipped_names() -> tuple[str, ...]:
    """Every shipped policy."""
    return (*preset_names(), *(f"{name}{flavour}" for name in ONE_UNDERLYING for flavour in ("", "-maintenance")))


def _read(path: Path) -> Policy:
    return parse_model(Policy, read_document(path, "policy"), str(path))


def _fraction(value: Decimal) -> tuple[int, int]:
    reduced = Fraction(value)
    return reduced.numerator, reduced.denominator


def _check_bounds(universe: Universe, column: PublicColumn, values: NDArray[np.int64]) -> None:
    """Refuse a column beyond what the constraints declare: the sums are only sound within it."""
    wrong = ~fits(values, column.bits)
    if not column.signed:
        wrong |= values < 0
    wrong |= (np.arange(universe.rows) >= universe.instrument_rows) & (values != 0)
    if np.any(wrong):
        row = int(np.flatnonzero(wrong)[0])
        name = next((listing.id for listing in universe.listings if listing.row == row), f"row {row}")
        raise RangeError(
            f"{name}: column {column.name}: expected less than 2^{column.bits} usd_e12 per lot, got more: list the "
            "instrument anew with a finer lot"
        )
