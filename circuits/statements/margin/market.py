"""The market file M: an epoch's public data under one policy, committed to column by column.

Anyone rebuilds it from the instruments' prices. Reading it checks everything that can be checked: the columns follow
from the instruments and the policy, the commitments open to the columns, the identifiers are what they name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.models import parse_model
from zkmargin.circuits.markets.units import differs_by_more_than_rounding
from zkmargin.circuits.markets.universe import MAX_ROWS, MIN_ROWS, Universe, UniverseError, read_universe
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.statements.margin.circuit import UniverseLayout, compile_margin
from zkmargin.prover.commitments import commit, commitments_match
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.setup import Setup
from zkmargin.prover.writing import write_document
from zkmargin.verifier.curve import G1, encode_g1
from zkmargin.verifier.documents import Fields, read_arrays, read_document, read_json
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.statements.attestation import universe_id
from zkmargin.verifier.statements.margin import MarketTerms, PolicyTerms
from zkmargin.verifier.statements.margin.files import columns_from_fields, market_terms_from_fields

KIND: Final = "market"
_SCALAR_SIXTEENTHS: Final = (1, 2, 4, 6, 8)
"""Sixteenths of the rows that are tried for private scalars, in turn; segments divide what is left."""


@dataclass(frozen=True, eq=False)
class Market:
    """An epoch, and its public columns under a policy with their commitments under a setup."""

    epoch: MarketEpoch
    policy: PolicyTerms
    setup_digest: bytes
    universe: bytes
    """The universe's id: its digest under the setup."""
    columns: Mapping[str, NDArray[np.int64]]
    names: tuple[str, ...]
    """The circuit's market columns: a public column each, or two that are packed, "a & b"."""
    commitments: tuple[G1, ...]

    def __repr__(self) -> str:
        return f"Market({self.policy.name}, {self.epoch!r})"

    @cached_property
    def terms(self) -> MarketTerms:
        """What a verifier needs of it."""
        return MarketTerms(self.universe, self.epoch_time, self.epoch.data_digest, self.commitments)

    @property
    def epoch_time(self) -> int:
        """The epoch's time, in whole seconds since 1970, rounded down."""
        return math.floor(self.epoch.as_of.timestamp())

    @cached_property
    def epoch_id(self) -> bytes:
        """Names all of the epoch's data, the policy and what it makes of them."""
        return self.terms.epoch_id(self.policy.digest)


def policy_terms(policy: Policy) -> PolicyTerms:
    """What a verifier needs of a policy besides its circuit."""
    return PolicyTerms(
        policy.digest,
        policy.name,
        policy.venues,
        policy.max_attestation_age_seconds,
        policy.validity_seconds,
        policy.attestors,
    )


def build_market(
    data: InstrumentSet,
    policy: Policy,
    setup: Setup,
    backend: Backend[V, P],
    *,
    previous: Universe | None = None,
) -> Market:
    """Price, publish and commit. `previous` keeps an earlier epoch's rows.

    Raises FormatError, UniverseError or RangeError naming the instrument, SetupError when the setup is too small.
    """
    epoch = build_epoch(data, policy, most_rows=setup.rows, previous=previous)
    columns = policy.public_columns(epoch)
    program = compile_margin(policy, UniverseLayout.of(epoch.universe))
    vectors = program.market_vectors(backend, columns)
    points = commit(backend, setup.lagrange(backend, epoch.universe.rows), vectors)
    identity = universe_id(epoch.universe.digest, setup.key)
    return Market(epoch, policy_terms(policy), setup.digest, identity, columns, program.circuit.market, points)


def build_epoch(
    data: InstrumentSet, policy: Policy, *, most_rows: int = MAX_ROWS, previous: Universe | None = None
) -> MarketEpoch:
    """The epoch of `data` over `previous`, extended by what is new, or over the smallest universe that fits.

    A universe fits when it holds the instruments and leaves rows for the policy's private scalars. Raises
    UniverseError when none of up to `most_rows` rows does, RowsError when `previous` leaves too few.
    """
    if previous is not None:
        epoch = MarketEpoch.build(data, previous=previous)
        compile_margin(policy, UniverseLayout.of(epoch.universe))
        return epoch
    rows = MIN_ROWS
    while rows <= min(most_rows, MAX_ROWS):
        for sixteenths in _SCALAR_SIXTEENTHS:
            scalar_rows = rows // 16 * sixteenths
            universe = Universe.fitting(data.instruments, rows=rows, scalar_rows=scalar_rows)
            if universe is not None and policy.constraints(universe.shape).scalar_rows <= scalar_rows:
                return MarketEpoch.build(data, previous=universe)
        rows *= 2
    raise UniverseError(
        f"universe: {len(data.instruments)} instruments under policy {policy.name} do not fit {most_rows} rows; make "
        "or import a larger setup"
    )


def write_market(path: str | Path, market: Market) -> None:
    """Write M and its columns, whole or not at all."""
    fields = {
        "policy": {"name": market.policy.name, "digest": "0x" + market.policy.digest.hex()},
        "setup": "0x" + market.setup_digest.hex(),
        "universe_id": "0x" + market.universe.hex(),
        "data": "0x" + market.epoch.data_digest.hex(),
        "epoch": "0x" + market.epoch_id.hex(),
        "universe": _body(market.epoch.universe.to_json()),
        **market.epoch.data.public_data(),
        "columns": [
            {"name": name, "commitment": "0x" + encode_g1(point).hex()}
            for name, point in zip(market.names, market.commitments, strict=True)
        ],
    }
    write_document(path, KIND, fields, arrays={"columns": np.stack(list(market.columns.values()))})


def read_market(
    path: str | Path, policy: Policy, setup: Setup, backend: Backend[V, P], *, check_commitments: bool = True
) -> Market:
    """M, checked against the policy and the setup. Raises FormatError naming the field.

    check_commitments: whether the points are checked to open to the columns, which costs one large multi-scalar
    multiplication; only who made M on the same machine may leave it out.
    """
    where = str(path)
    document = read_document(path, KIND)
    fields = Fields(path, document)
    epoch = _read_epoch(fields, where)
    named = fields.record("policy")
    name, digest = named.text("name"), named.hexadecimal("digest", 32)
    named.finish()
    if (digest, name) != (policy.digest, policy.name):
        raise FormatError(
            f"{where}: field 'policy': expected policy {policy.name} (0x{policy.digest.hex()[:16]}...), got {name} "
            f"(0x{digest.hex()[:16]}...): build the market under the policy that is to be proven"
        )
    if fields.hexadecimal("setup", 32) != setup.digest:
        raise FormatError(
            f"{where}: field 'setup': expected the setup 0x{setup.digest.hex()[:16]}..., got another one's"
        )
    identity = universe_id(epoch.universe.digest, setup.key)
    if fields.hexadecimal("universe_id", 32) != identity:
        raise FormatError(
            f"{where}: field 'universe_id': expected 0x{identity.hex()}, which the universe has, got another"
        )
    program = compile_margin(policy, UniverseLayout.of(epoch.universe))
    columns = _read_columns(path, document, policy, epoch)
    names = program.circuit.market
    if tuple(name for name, _ in columns_from_fields(fields, where)) != names:
        raise FormatError(
            f"{where}: field 'columns': expected the policy's {len(names)} columns in their order, got others"
        )
    commitments = market_terms_from_fields(fields, where).commitments
    market = Market(epoch, policy_terms(policy), setup.digest, identity, columns, names, commitments)
    fields.finish("arrays", "arrays_digest")
    if check_commitments:
        vectors = program.market_vectors(backend, columns)
        if epoch.universe.rows > setup.rows or not commitments_match(
            backend, setup.monomial(backend), vectors, commitments
        ):
            raise FormatError(f"{where}: field 'columns': expected commitments to the columns beside it, got others")
    return market


def read_universe_of_market(path: str | Path, setup: Setup) -> tuple[MarketEpoch, bytes]:
    """The epoch and the universe's id of M: what an attestation needs, whatever the policy.

    The data are checked against M's epoch id, its columns are not looked at. Raises FormatError.
    """
    fields = Fields(path, read_document(path, KIND))
    epoch = _read_epoch(fields, str(path))
    identity = universe_id(epoch.universe.digest, setup.key)
    if fields.hexadecimal("universe_id", 32) != identity:
        raise FormatError(
            f"{path}: field 'universe_id': expected 0x{identity.hex()} under this setup, got another: another setup"
        )
    market_terms_from_fields(fields, str(path))
    return epoch, identity


def read_epoch(path: str | Path, policy: Policy) -> tuple[MarketEpoch, dict[str, NDArray[np.int64]]]:
    """The epoch of M and its public columns under `policy`: what an evaluation in clear needs. Raises FormatError.

    The columns are M's own, checked against the instruments, when M was built under `policy`, else computed anew. Needs
    no setup, and so checks no commitment.
    """
    document = read_document(path, KIND)
    fields = Fields(path, document)
    epoch = _read_epoch(fields, str(path))
    if fields.record("policy").hexadecimal("digest", 32) != policy.digest:
        return epoch, policy.public_columns(epoch)
    return epoch, _read_columns(path, document, policy, epoch)


def read_universe_of(path: str | Path) -> Universe:
    """The universe of a market file or of a universe document. Raises FormatError."""
    document = read_json(path)
    if not isinstance(document, dict) or document.get("format") != f"zkmargin/{KIND}":
        return read_universe(path)
    return parse_model(Universe, Fields(path, read_document(path, KIND)).raw("universe"), f"{path}: field 'universe'")


def _read_epoch(fields: Fields, where: str) -> MarketEpoch:
    universe = parse_model(Universe, fields.raw("universe"), f"{where}: field 'universe'")
    data = {name: fields.raw(name) for name in InstrumentSet.model_fields if name in fields.names}
    epoch = MarketEpoch(universe, parse_model(InstrumentSet, data, where))
    if fields.hexadecimal("data", 32) != epoch.data_digest:
        raise FormatError(
            f"{where}: field 'data': expected 0x{epoch.data_digest.hex()}, which universe, time and instruments have, "
            "got another"
        )
    return epoch


def _read_columns(
    path: str | Path, document: Mapping[str, Any], policy: Policy, epoch: MarketEpoch
) -> dict[str, NDArray[np.int64]]:
    where = f"{path}: field 'columns'"
    expected = policy.public_columns(epoch)
    rows = epoch.universe.rows
    values = read_arrays(path, document, {"columns": ("<i8", (len(expected), rows))})["columns"]
    columns = {}
    for name, row in zip(expected, values, strict=True):
        wrong = np.flatnonzero(differs_by_more_than_rounding(row, expected[name]))
        if wrong.size:
            listing = next(
                (item.id for item in epoch.universe.listings if item.row == int(wrong[0])), f"row {wrong[0]}"
            )
            raise FormatError(
                f"{where}: {name}: expected for {listing} what its prices and the policy give, got another"
            )
        columns[name] = np.asarray(row, dtype=np.int64)
    policy.check_columns(epoch.universe, columns)
    return columns


def _body(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in ("format", "version")}
