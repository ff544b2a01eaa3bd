"""The golden vector of solvency's names. Run this file to write it anew after a change of format.

python tests/support/solvency_vector.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.solvency import CUSTODIAN_KEY, CUSTOMERS, MASTER, NONCE, ROWS, WALLET_KEY, terms
from zkmargin.prover.signing import address_of_key, sign_head, sign_reserves
from zkmargin.verifier.curve import G1, G1_GENERATOR, PythonEngine
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.merkle import MerkleTree
from zkmargin.verifier.statements.solvency.accounts import (
    account_number,
    encode_rows,
    record,
    salt_of,
    solvency_epoch_id,
)
from zkmargin.verifier.statements.solvency.log import Entry, head_text, root_of
from zkmargin.verifier.statements.solvency.reserves import claim_of, message_digest
from zkmargin.verifier.statements.solvency.statement import (
    BatchStatement,
    batch_context,
    liabilities_digest,
    settlement_context,
)

PATH: Final = Path(__file__).parents[1] / "vectors" / "solvency" / "names.json"
SETUP: Final = bytes(range(100, 132))
_TIME: Final = 1_700_003_600


def points() -> tuple[G1, ...]:
    """Four points that are no commitments: 2, 3, 4 and 5 times the generator."""
    return tuple(PythonEngine().combine([G1_GENERATOR], [scalar]) for scalar in range(2, 6))


def batches() -> list[BatchStatement]:
    """Two batches with a proof that is none: what a leaf says, it says of any bytes."""
    middle = 1 << 59
    bounds = [(0, middle), (middle, (1 << 60) - 1)]
    return [
        BatchStatement(index, low, high, 3 + index, *points(), bytes([index]) * 40)
        for index, (low, high) in enumerate(bounds)
    ]


def vector() -> dict[str, Any]:
    """Everything, from the terms down."""
    agreed = terms()
    epoch = solvency_epoch_id(agreed.digest, SETUP, NONCE)
    made = batches()
    root = MerkleTree([batch.leaf for batch in made]).root
    liabilities = liabilities_digest(epoch, ROWS, len(made), root)
    wallet = claim_of("eip155:1", None, address_of_key(WALLET_KEY), {"BTC": "100", "USD": "50.25"}, agreed)
    vault = claim_of(None, "vault", address_of_key(CUSTODIAN_KEY), {"BTC": "3.5"}, agreed)
    reserves = [
        sign_reserves(claim, agreed, epoch, key) for claim, key in ((wallet, WALLET_KEY), (vault, CUSTODIAN_KEY))
    ]
    entries = [Entry("Harbor", agreed.as_of, liabilities), Entry("Haven", agreed.as_of, bytes(32))]
    head = sign_head(len(entries), root_of(entries), _TIME, WALLET_KEY)
    return {
        "terms": {
            "document": agreed.to_json(),
            "header": agreed.header.decode(),
            "leaves": [leaf.decode() for leaf in agreed.leaves],
            "root": agreed.tree.root.hex(),
            "digest": agreed.digest.hex(),
            "table": agreed.table(),
        },
        "epoch": {"setup": SETUP.hex(), "nonce": NONCE.hex(), "id": epoch.hex()},
        "customers": [
            {
                "customer": name,
                "account": account_number(epoch, name.encode()),
                "salt": salt_of(MASTER, name.encode()).hex(),
                "rows": [list(row) for row in rows],
                "encoded_rows": encode_rows(rows).hex(),
                "record": f"{record(epoch, name.encode(), salt_of(MASTER, name.encode()), rows):064x}",
            }
            for name, rows in CUSTOMERS.items()
        ],
        "master": MASTER.hex(),
        "batches": [
            {"context": batch_context(epoch, ROWS, batch.index).hex(), "leaf": batch.leaf.hex()} for batch in made
        ],
        "liabilities": {"rows": ROWS, "root": root.hex(), "digest": liabilities.hex()},
        "reserves": [
            {
                "text": each.text,
                "signer": format_address(each.claim.address),
                "message_digest": message_digest(each.text).hex(),
                "signature": each.signature.hex(),
                "digest": each.digest.hex(),
            }
            for each in reserves
        ],
        "settlement_context": settlement_context(liabilities, reserves).hex(),
        "log": {
            "entries": [entry.encoded.hex() for entry in entries],
            "text": head_text(head.size, head.root, head.time),
            "signature": head.signature.hex(),
        },
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(vector(), indent=2) + "\n", encoding="ascii")
