"""The customers' page: one static HTML file that checks inclusion files in the browser, with no server.

`pages/` holds its source and the script that bundles it; `pages/inclusion.html` is the built file that ships.
"""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final

from zkmargin.prover.writing import replacing
from zkmargin.verifier.curve import encode_g2
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.srs import SetupKey
from zkmargin.verifier.statements.solvency.statement import Solvency

_CONFIG: Final = '{"g2_x":"","liabilities":"","exchange":"","as_of":"","identifier":"","log_key":""}'
_SETUP: Final = "<!--setup-->"


def write_page(path: str | Path, setup: SetupKey, statement: Solvency, log_key: bytes | None = None) -> None:
    """Write the page that checks against the liabilities of a statement that was verified, whole or not at all.

    log_key: the address of the key of the log whose receipts it takes; without it, it takes none.
    """
    page = files("zkmargin").joinpath("reports/pages/inclusion.html").read_text(encoding="utf-8")
    if _CONFIG not in page or _SETUP not in page:
        raise FormatError(
            "pages/inclusion.html: expected a place for the settings and one for the setup; build it again"
        )
    config = {
        "g2_x": "0x" + encode_g2(setup.g2_x).hex(),
        "liabilities": "0x" + statement.liabilities.hex(),
        "exchange": statement.terms.exchange,
        "as_of": format_seconds(statement.terms.as_of),
        "identifier": statement.terms.identifier,
        "log_key": "" if log_key is None else "0x" + log_key.hex(),
    }
    with replacing(path) as stream:
        stream.write(page.replace(_CONFIG, json.dumps(config), 1).replace(_SETUP, _setup(setup), 1).encode())


def _setup(setup: SetupKey) -> str:
    digest = f"<code>0x{setup.digest.hex()}</code>"
    if setup.ceremony is not None:
        return f"<p>Setup: {digest}, {escape(setup.ceremony)}</p>"
    return (
        f'<p class="rejected"><strong>UNSAFE setup</strong> {digest}: it is not the known ceremony\'s. Whoever made it '
        "may know its secret, and could make false files that this page calls right.</p>"
    )
