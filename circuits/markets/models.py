"""The base of every model, and one-line errors for untrusted documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from zkmargin.verifier.errors import FormatError

MAX_DOCUMENT_BYTES: Final = 1 << 26
"""A larger document is refused unread."""


class StrictModel(BaseModel):
    """Frozen, strict, no unknown fields: what is not understood is refused, not ignored."""

    # Built when first used: a command uses few of the models that it loads.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


Model = TypeVar("Model", bound=StrictModel)


def parse_model(model: type[Model], value: Any, where: str) -> Model:
    """`value`, as decoded from JSON, as a `model`. Raises FormatError with one line: where, field, expected, got."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise FormatError(f"{where}: {describe(error)}") from None


def describe(error: ValidationError) -> str:
    """The first problem of a validation error, in one line: field, what was expected, what came."""
    problems = error.errors(include_url=False, include_context=False)
    first = problems[0]
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        text = f"{field}: expected this field, got none"
    elif first["type"] == "extra_forbidden":
        text = f"{field}: unknown field"
    else:
        got = "" if first["type"] == "value_error" and not field else f", got {_short(first['input'])}"
        text = f"{field}: {message[0].lower()}{message[1:]}{got}" if field else f"{message}{got}"
    more = len(problems) - 1
    return text + (f" (and {more} more problem{'s' if more > 1 else ''})" if more else "")


def read_json(path: Path, *, decimals: bool = False) -> Any:
    """The JSON value in a file: no repeated field, NaN or trailing bytes; floats, as Decimal, only if `decimals`."""

    def no_float(text: str) -> NoReturn:
        raise ValueError(f"a number is written as a decimal string, not as {text[:32]}")

    def no_constant(text: str) -> NoReturn:
        raise ValueError(f"{text} is not a number")

    with path.open("rb") as stream:
        data = stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise FormatError(f"{path}: expected at most {MAX_DOCUMENT_BYTES} bytes, got more")
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=Decimal if decimals else no_float,
            parse_constant=no_constant,
        )
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: expected one JSON document: {str(error).splitlines()[0]}") from None


def document_body(path: Path, value: Any, kind: str, *, required: bool) -> dict[str, Any]:
    """A document without its `format` and `version`, which are checked; absent ones pass unless `required`."""
    if not isinstance(value, dict):
        raise FormatError(f"{path}: expected one JSON object, got {_short(value)}")
    body = dict(value)
    found, version = body.pop("format", None), body.pop("version", None)
    if (found is not None or required) and found != f"zkmargin/{kind}":
        raise FormatError(f"{path}: field 'format': expected 'zkmargin/{kind}', got {_short(found)}")
    if (version is not None or found is not None) and (version != 1 or isinstance(version, bool)):
        raise FormatError(f"{path}: field 'version': expected 1, got {_short(version)}: a newer zkmargin may read it")
    return body


def canonical_json(value: Any) -> bytes:
    """The one byte string of a JSON value: sorted keys, no blanks, ASCII."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()


def _unique(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a field appears twice")
    return value


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, str | int | float | bool | Decimal | None) else type(value).__name__
    return text if len(text) <= 48 else text[:45] + "..."
