"""The JSON Schemas of the project's files, which `./run generate` writes beside this script.

Those of instruments, universes and policies come from their models, the others are written here. A schema says what a
file looks like; readers check more (signatures, curve points, sums), and decide.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.units import QUANTITY_BITS
from zkmargin.circuits.markets.universe import Universe
from zkmargin.circuits.policies.policy import Policy
from zkmargin.verifier.decimals import DECIMAL_PATTERN
from zkmargin.verifier.documents import version_of
from zkmargin.verifier.statements.disclosure import EXPOSURES
from zkmargin.verifier.statements.trust import MAX_KEYS, MAX_VENUES

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
DECIMAL: Final = f"^{DECIMAL_PATTERN}$"
INSTANT: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})$"
VENUE: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"
BOUNDS: Final = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below", "decimal_places": "decimals at most"}

Json = dict[str, Any]


class _Strings(GenerateJsonSchema):
    """Decimals and instants are strings in every file."""

    def decimal_schema(self, schema: Any) -> Json:
        return {"type": "string", "pattern": DECIMAL}

    def datetime_schema(self, schema: Any) -> Json:
        return {"type": "string", "pattern": INSTANT}


def described(schema: Any) -> Any:
    """Bounds of decimal strings, for which JSON Schema has no word, as descriptions."""
    if isinstance(schema, list):
        return [described(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    bounds = [f"{word} {schema[name]}" for name, word in BOUNDS.items() if name in schema and "pattern" in schema]
    kept = {name: described(value) for name, value in schema.items() if not (bounds and name in BOUNDS)}
    return {**kept, "description": ", ".join(bounds)} if bounds else kept


def hexadecimal(size: int) -> Json:
    """0x and lower-case digits of `size` bytes."""
    return {"type": "string", "pattern": f"^0x[0-9a-f]{{{2 * size}}}$"}


def text(pattern: str, description: str = "") -> Json:
    """A string of a pattern."""
    return {"type": "string", "pattern": pattern, **({"description": description} if description else {})}


def whole(low: int, high: int) -> Json:
    """An integer of a range."""
    return {"type": "integer", "minimum": low, "maximum": high}


def record(properties: Json, **more: Any) -> Json:
    """An object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **more,
    }


def listed(items: Json, **more: Any) -> Json:
    """An array."""
    return {"type": "array", "items": items, **more}


def nullable(schema: Json) -> Json:
    """A schema, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def document(kind: str, description: str, properties: Json, **more: Any) -> Json:
    """The schema of a self-describing document."""
    marks = {"format": {"const": f"zkmargin/{kind}"}, "version": {"const": version_of(kind)}}
    return {
        "$schema": DIALECT,
        "title": f"zkmargin/{kind}",
        "description": description,
        **record({**marks, **properties}, **more),
    }


def of_model(model: type[BaseModel], kind: str, description: str, *, marked: bool) -> Json:
    """The schema of a document that is a model; `marked` when `format` and `version` must be there."""
    schema = described(model.model_json_schema(schema_generator=_Strings))
    marks = {"format": {"const": f"zkmargin/{kind}"}, "version": {"const": version_of(kind)}}
    schema["properties"] = {**marks, **schema["properties"]}
    schema["required"] = [*(marks if marked else ()), *schema["required"]]
    return {"$schema": DIALECT, **schema, "title": f"zkmargin/{kind}", "description": description}


ADDRESS: Final = text("^0x[0-9a-fA-F]{40}$", "20 bytes; mixed case must be a correct EIP-55 checksum")
TIME: Final = text(INSTANT, "whole seconds")
POINT: Final = {**hexadecimal(64), "description": "a point of G1: x and y, 32 bytes each, big-endian"}
ARRAYS: Final = {
    "arrays": text(r"^[^/\\]+\.npz$", "the array file, in the same folder"),
    "arrays_digest": {**hexadecimal(32), "description": "its Keccak-256"},
}
ATTESTATION: Final = {
    "attestor": ADDRESS,
    "venue": text(VENUE),
    "account": ADDRESS,
    "universe": hexadecimal(32),
    "commitment": POINT,
    "snapshot_time": TIME,
    "sequence": whole(0, (1 << 64) - 1),
    "signature": {**hexadecimal(65), "description": "EIP-712, r || s || v, low s"},
}
ATTESTATIONS: Final = listed(record(ATTESTATION), minItems=1, maxItems=MAX_VENUES)
PROOF: Final = text("^0x([0-9a-f]{2})*$", "the argument; docs/protocol.md says what lies where")


def schemas() -> dict[str, Json]:
    """Every schema by file name."""
    instruments = of_model(
        InstrumentSet,
        "instruments",
        "Public prices of one moment. `format` and `version` may be left out.",
        marked=False,
    )
    universe = of_model(Universe, "universe", "Which instrument is which row, for good.", marked=True)
    shared = {**universe.get("$defs", {}), **instruments["$defs"]}
    market = document(
        "market",
        "One epoch under one policy. Beside it, array `columns`: int64 (columns of the policy, rows).",
        {
            "as_of": text(INSTANT),
            "policy": record({"name": {"type": "string"}, "digest": hexadecimal(32)}),
            "setup": hexadecimal(32),
            "universe_id": hexadecimal(32),
            "data": {**hexadecimal(32), "description": "digest of universe, time and every field of every instrument"},
            "epoch": {**hexadecimal(32), "description": "digest of universe, policy, time, data and commitments"},
            "universe": {
                "type": "object",
                "properties": {name: universe["properties"][name] for name in Universe.model_fields},
                "required": list(Universe.model_fields),
                "additionalProperties": False,
            },
            "instruments": instruments["properties"]["instruments"],
            "columns": listed(record({"name": {"type": "string"}, "commitment": POINT})),
            **ARRAYS,
        },
    )
    market["properties"] |= {name: instruments["properties"][name] for name in ("history", "settlements")}
    market["$defs"] = shared
    return {
        "instruments.schema.json": instruments,
        "universe.schema.json": universe,
        "policy.schema.json": of_model(
            Policy, "policy", "A risk policy; docs/policies.md says what rules mean.", marked=True
        ),
        "positions.schema.json": positions(),
        "market.schema.json": market,
        "attestation.schema.json": document("attestation", "A venue's signed commitment. Public.", ATTESTATION),
        "opening.schema.json": opening(),
        "sealed-opening.schema.json": document(
            "sealed-opening",
            "An opening sealed to its owner: HPKE (RFC 9180), X25519, HKDF-SHA256, AES-256-GCM.",
            {"venue": text(VENUE), "encapsulated": hexadecimal(32), "sealed": PROOF},
        ),
        "proof.schema.json": proof(),
        "setup.schema.json": setup(),
        "disclosure.schema.json": disclosure(),
        "deployment.schema.json": document(
            "deployment",
            "Which gate on which chain proofs are for; whoever deploys writes more into it.",
            {"chain_id": {"type": "integer", "minimum": 1}, "gate": ADDRESS},
            additionalProperties=True,
        ),
        "trust.schema.json": document(
            "trust",
            "Whom a verifier trusts: which setup, and which keys are which venues'.",
            {
                "setup": text("^(ceremony|0x[0-9a-f]{64})$", "the setup's digest, or the known ceremony's"),
                "venues": {
                    "type": "object",
                    "propertyNames": {"pattern": VENUE},
                    "minProperties": 1,
                    "maxProperties": MAX_VENUES,
                    "additionalProperties": {**listed(ADDRESS), "minItems": 1, "maxItems": MAX_KEYS},
                },
                "at": {"anyOf": [TIME, {"type": "null"}], "description": "time of verification; null for now"},
            },
        ),
    }


def positions() -> Json:
    """A CSV file's fields, as a Frictionless table schema."""
    return {
        "$schema": "https://datapackage.org/profiles/2.0/tableschema.json",
        "title": "positions.csv",
        "description": "One account's quantities at one venue: UTF-8, comma-separated.",
        "fields": [
            {
                "name": "instrument",
                "type": "string",
                "description": "an instrument of the universe; cash is USD",
                "constraints": {"required": True, "unique": True},
            },
            {
                "name": "quantity",
                "type": "string",
                "description": (
                    "a plain decimal, negative when short or borrowed; a whole number of the instrument's lots, below "
                    f"2^{QUANTITY_BITS} of them in magnitude"
                ),
                "constraints": {"required": True, "pattern": DECIMAL},
            },
            {
                "name": "entry_price",
                "type": "string",
                "description": (
                    "a column that may be left out: what a perpetual or future was entered at; the cash row moves by "
                    "minus quantity times multiplier times this, rounded down"
                ),
                "constraints": {"required": False, "pattern": DECIMAL},
            },
            {
                "name": "multiplier",
                "type": "string",
                "description": "a column that may be left out, after entry_price: units a contract, by default 1",
                "constraints": {"required": False, "pattern": DECIMAL},
            },
        ],
        "primaryKey": ["instrument"],
    }


def opening() -> Json:
    """What opens an attestation's commitment."""
    pair = {
        "type": "array",
        "prefixItems": [whole(0, (1 << 28) - 1), whole(-(1 << QUANTITY_BITS) + 1, (1 << QUANTITY_BITS) - 1)],
        "items": False,
        "minItems": 2,
    }
    return document(
        "opening",
        "What opens an attestation's commitment. SECRET: mode 0600.",
        {
            "venue": text(VENUE),
            "account": ADDRESS,
            "universe": hexadecimal(32),
            "commitment": POINT,
            "blinding": hexadecimal(32),
            "rows": whole(2, 1 << 28),
            "lots": listed(pair, description="row and lots where anything is held, rows increasing"),
        },
    )


def proof() -> Json:
    """A margin proof."""
    statement = record(
        {
            "chain_id": {"type": "integer", "minimum": 0},
            "gate": ADDRESS,
            "account": ADDRESS,
            "policy": record({"name": {"type": "string"}, "digest": hexadecimal(32)}),
            "epoch": hexadecimal(32),
            "epoch_time": TIME,
            "snapshot_time": TIME,
            "valid_until": TIME,
        }
    )
    return document(
        "proof",
        "A margin proof: its statement, the attestations that it rests on in order of venue id, and the argument.",
        {"statement": statement, "attestations": ATTESTATIONS, "proof": PROOF},
    )


def setup() -> Json:
    """A powers-of-tau setup."""
    source = record(
        {
            "file": {"type": "string"},
            "power": whole(1, 28),
            "ceremony_power": whole(1, 28),
            "blake2b": hexadecimal(64),
        }
    )
    return document(
        "setup",
        "A setup. Beside it, arrays `powers`, uint64 (2 rows + 16, 2, 4), and `lagrange`, uint64 (rows, 2, 4).",
        {
            "rows": whole(2, 1 << 28),
            "g2_x": hexadecimal(128),
            "digest": hexadecimal(32),
            "unsafe": {"type": "boolean", "description": "true for a development setup"},
            "ceremony": nullable(record({"name": {"type": "string"}})),
            "source": nullable(source),
            **ARRAYS,
        },
    )


def disclosure() -> Json:
    """One number about an account's holdings."""
    schema = document(
        "disclosure",
        "One number, units * 10^-scale, opened to one auditor. Beside it, but for a quantity, array `weights`: int64.",
        {
            "account": ADDRESS,
            "auditor": {"type": "string", "minLength": 1, "maxLength": 200},
            "purpose": {"type": "string", "minLength": 1, "maxLength": 200},
            "exposure": {"enum": list(EXPOSURES)},
            "subject": {"type": "string", "maxLength": 200},
            "units": text("^(0|-?[1-9][0-9]{0,43})$"),
            "scale": whole(0, 18),
            "universe": hexadecimal(32),
            "epoch_time": TIME,
            "snapshot_time": TIME,
            "rows": whole(0, 1 << 20),
            "attestations": ATTESTATIONS,
            "proof": PROOF,
        },
    )
    schema["properties"] |= ARRAYS
    schema["dependentRequired"] = {"arrays": ["arrays_digest"], "arrays_digest": ["arrays"]}
    return schema


def encode(schema: Json) -> str:
    """A schema's file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
