"""Python's recursion limit, which an import must not raise.

`import py_ecc` sets the limit to 100,000, for the whole process and for good. Then deep recursion anywhere, such as a
parser's on hostile input, overflows the stack and ends the process without a word. What is used of py_ecc recurses a
few hundred levels deep at most, so the limit is put back after each import.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def recursion_limit_kept() -> Iterator[None]:
    """Run a block of imports, and leave the recursion limit as it was found."""
    limit = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
