"""The customers' page: one static HTML file that checks inclusion files in the browser, with no server.

`pages/` holds its source and the script that bundles it; `pages/inclusion.html` is the built file that ships.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Final

from zkmargin.prover.writing import replacing
from zkmargin.verifier.curve import encode_g2
from zkmargin.verifier.srs import SetupKey

_CONFIG: Final = '{"g2_x":"","liabilities":""}'


def write_page(path: str | Path, setup: SetupKey, liabilities: bytes) -> None:
    """Write the page that checks against these liabilities, whole or not at all."""
    page = files("zkmargin").joinpath("reports/pages/inclusion.html").read_text(encoding="utf-8")
    config = {"g2_x": "0x" + encode_g2(setup.g2_x).hex(), "liabilities": "0x" + liabilities.hex()}
    with replacing(path) as stream:
        stream.write(page.replace(_CONFIG, json.dumps(config), 1).encode())
