"""The base of every model, and one-line errors for untrusted documents."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.text import one_line, quoted

MAX_NAME_CHARACTERS: Final = 48
MAX_MESSAGE_CHARACTERS: Final = 400


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
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{_name(part)}" for part in first["loc"]).lstrip(".")
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        text = f"{field}: expected this field, got none"
    elif first["type"] == "extra_forbidden":
        text = f"{field}: unknown field"
    else:
        got = "" if first["type"] == "value_error" and not field else f", got {_short(first['input'])}"
        text = f"{field}: {message[0].lower()}{message[1:]}{got}" if field else f"{message}{got}"
    more = len(problems) - 1
    text = one_line(text, MAX_MESSAGE_CHARACTERS)
    return text + (f" (and {more} more problem{'s' if more > 1 else ''})" if more else "")


def canonical_json(value: Any) -> bytes:
    """The one byte string of a JSON value: sorted keys, no blanks, ASCII."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()


def _name(part: str) -> str:
    """A field's name as it is, or clipped and escaped where somebody made it up."""
    return part if len(part) <= MAX_NAME_CHARACTERS and part.isascii() and part.isprintable() else quoted(part)


def _short(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value, MAX_NAME_CHARACTERS)
    return repr(value) if isinstance(value, int | Decimal | None) else type(value).__name__
