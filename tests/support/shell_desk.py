"""One account's files on the real chain, or on a part of it: made once, copied for every test that wants them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import zkmargin
from zkmargin.api.key_files import write_signing_key
from zkmargin.api.trusting import write_trust
from zkmargin.connectors.deribit import import_deribit
from zkmargin.prover.writing import write_document
from zkmargin.verifier.statements.attestation import Attestor
from zkmargin.verifier.statements.trust import RequiredSetup, Trust

CHAIN: Final = Path(__file__).parents[1] / "vectors" / "deribit" / "btc-options-2020-05-21.json"
ACCOUNT: Final = "0xa11ce000000000000000000000000000000a11ce"
AT: Final = "2020-05-22T00:00:00Z"
BOOKS: Final = {
    "kestrel": "USD,1000\nBTC-26JUN20-10000-C,-4\nBTC-26JUN20-8000-P,2.5\n",
    "marlin": "USD,120000.25\nBTC-26JUN20,1.5\n",
    "harbor": "",
}
VENUES: Final = tuple(BOOKS)
HEADER: Final = "instrument,quantity\n"


def _small_chain() -> dict[str, Any]:
    """The listings that the books hold and a few more, so that every file stays small."""
    chain = json.loads(CHAIN.read_bytes())
    held = {line.split(",")[0] for lines in BOOKS.values() for line in lines.split()}
    futures = {name.rsplit("-", 2)[0] for name in held if name.count("-") > 1}
    listed = [entry for entry in chain["result"] if entry["instrument_name"] in held | futures]
    return {**chain, "result": listed + chain["result"][:4]}


def make_desk(folder: Path, *, small: bool = False) -> None:
    """Setup, instruments, market, books, keys, attestations, openings, a trust file and one proof, policy span.

    small: list what the books hold and little more.
    """
    setup = zkmargin.development_setup(512 if small else 1024, out=folder / "s.json")
    chain = json.dumps(_small_chain()) if small else CHAIN.read_text(encoding="utf-8")
    (folder / "deribit.json").write_text(chain, encoding="utf-8")
    data = import_deribit(folder / "deribit.json")
    document = data.to_json()
    write_document(folder / "i.json", "instruments", {name: document[name] for name in ("as_of", "instruments")})
    market = zkmargin.build_market(folder / "i.json", "span", setup, out=folder / "m.json")
    made = []
    for venue, lines in BOOKS.items():
        (folder / f"{venue}.csv").write_text(HEADER + lines)
        write_signing_key(folder / f"{venue}.key")
        made.append(
            zkmargin.attest(
                market,
                folder / f"{venue}.csv",
                account=ACCOUNT,
                venue=venue,
                key=folder / f"{venue}.key",
                setup=setup,
                out=folder / f"{venue}.attestation.json",
                secret=folder / f"{venue}.opening.json",
            )
        )
    keys = tuple(Attestor(attestation.attestor, attestation.claimed.venue) for attestation, _ in made)
    write_trust(folder / "trust.json", Trust(RequiredSetup(setup.digest), keys))
    attestations, openings = [a for a, _ in made], [o for _, o in made]
    zkmargin.prove_margin(market, "span", attestations, openings, setup, out=folder / "p.json")


def pairs(folder: Path, attestation: str = "attestation.json", opening: str = "opening.json") -> list[object]:
    """--attestation A --secret O for every venue."""
    return [
        argument
        for venue in VENUES
        for argument in ("--attestation", folder / f"{venue}.{attestation}", "--secret", folder / f"{venue}.{opening}")
    ]


def positions(folder: Path) -> list[object]:
    """--positions F for every venue."""
    return [argument for venue in VENUES for argument in ("--positions", folder / f"{venue}.csv")]
