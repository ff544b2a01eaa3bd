"""Optional parts: what the base installation leaves out, asked for by one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from zkmargin.verifier.errors import ZkmarginError


class MissingExtraError(ZkmarginError, ImportError):
    """A package is missing that one of zkmargin's extras installs."""


@contextmanager
def extra(name: str, use: str) -> Iterator[None]:
    """Import inside this block what `zkmargin[name]` installs; `use` says what it is for.

    Raises MissingExtraError, which says what to install, for a missing package. Other errors of imports pass: they are
    defects.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "zkmargin"):
            raise
        raise MissingExtraError(f"{use}: {missing} is not installed; run pip install 'zkmargin[{name}]'") from None
