"""The auditor's page: what a solvency statement says, what was checked, what is public. One HTML file, no scripts."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import zkmargin
from zkmargin.prover.writing import replacing
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.statements.solvency.statement import Solvency
from zkmargin.verifier.statements.solvency.terms import TOTALS, Terms, decimal_text
from zkmargin.verifier.statements.solvency.verify import SolvencyVerdict
from zkmargin.verifier.text import shown

_STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid #ddd;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}code{font-size:.85em;word-break:break-all}
.valid{color:#0a6b2d}.rejected{color:#a3160f}@media print{body{margin:0}}
"""


def escape(text: str) -> str:
    """Text from a file as HTML: markup and what does not show escaped."""
    return html.escape(shown(text))


def write_report(
    path: Path,
    statement: Solvency,
    verdict: SolvencyVerdict | None,
    reason: str | None,
    *,
    setup: str,
    unsafe_setup: bool,
) -> None:
    """Write the page, whole or not at all; arguments are those of `render`."""
    with replacing(path) as stream:
        stream.write(render(statement, verdict, reason, setup=setup, unsafe_setup=unsafe_setup).encode())


def render(
    statement: Solvency, verdict: SolvencyVerdict | None, reason: str | None, *, setup: str, unsafe_setup: bool
) -> str:
    """The page. Everything in it is public.

    setup: the digest of the setup that was used, and who vouches for it. unsafe_setup: whether nobody does.
    """
    terms = statement.terms
    word = "valid" if verdict else "rejected"
    said = _said(terms) if verdict else f"Rejected: {reason}."
    facts = [
        ("Exchange", terms.exchange),
        ("As of", format_seconds(terms.as_of)),
        ("Coverage", f"by {terms.coverage}, {'less' if terms.count_debts else 'without counting'} customers' debts"),
        ("Accounts", f"{sum(batch.accounts for batch in statement.batches):,} at most, empty ones included"),
        ("Batches", f"{len(statement.batches):,} of {statement.rows:,} rows"),
        ("Epoch", f"0x{statement.epoch.hex()}"),
        ("Liabilities digest", f"0x{statement.liabilities.hex()}"),
        ("Setup", setup),
        ("Verified by", f"zkmargin {zkmargin.__version__}"),
    ]
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>Solvency of {escape(terms.exchange)}</title>',
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>Solvency of {escape(terms.exchange)}</h1>",
            f'<p class="{word}"><strong>{escape(said)}</strong></p>',
            f'<p class="rejected"><strong>{escape(_UNSAFE)}</strong></p>' if unsafe_setup else "",
            _table((), ((escape(name), f"<code>{escape(value)}</code>") for name, value in facts)),
            "<h2>Reserves and what is owed</h2>",
            _balances(statement, verdict),
            "<h2>Prices, haircuts and reserve ratios</h2>",
            _prices(terms),
            "<h2>Who signed for reserves</h2>",
            _signers(statement),
            "<h2>What was checked</h2>",
            _list(_checked(terms)),
            "<h2>What this does not say</h2>",
            _list(_NOT_SAID),
            "<h2>What is public</h2>",
            _list(_public(statement)),
            "</body></html>",
            "",
        ]
    )


_UNSAFE: Final = (
    "UNSAFE setup: it is not the known ceremony's. Whoever made it may know its secret, and could forge this statement."
)
_NOT_SAID: Final = (
    "That wallets held these amounts at their block: look them up on their chains.",
    "That no customer was left out: customers find out with their inclusion files.",
    "That reserves were not borrowed for the day.",
    "That prices, haircuts and reserve ratios are fair, or that an asset of the exchange's own making is worth "
    "anything: they are the exchange's, and shown above.",
)


def _said(terms: Terms) -> str:
    """What a valid statement says in one sentence."""
    how = "asset by asset" if terms.coverage == "asset" else "in value, under the prices and reserve ratios below"
    owed = ", less what customers owe" if terms.count_debts else ""
    return f"The reserves that were signed for cover what all accounts hold{owed}: {how}."


def _checked(terms: Terms) -> Sequence[str]:
    debts = (
        "Debts make what is owed smaller. By asset they come to what is shown above, and so does the collateral of all "
        "accounts; neither passes the cap of the terms. Anybody may be the borrower, the exchange too: a debt is worth "
        "what the collateral is worth."
        if terms.count_debts
        else "Customers' debts make nothing smaller: what is owed is what accounts hold."
    )
    return (
        "No account holds, pledges or owes less than nothing of any asset.",
        "Every account's debts are worth no more than its collateral at the prices and haircuts above.",
        debts,
        "Accounts rise strictly through all batches: none stands twice.",
        "The totals are those of all accounts, and reserves cover them.",
        "What customers' inclusion files open is made of the very columns that were proven.",
        "Every wallet and custodian signed for this epoch; wallets for their chain's block of the terms.",
    )


def _public(statement: Solvency) -> Sequence[str]:
    terms = statement.terms
    published = ", ".join(terms.published) or "none"
    hidden = ", ".join(name for name in TOTALS if name not in terms.published) or "none"
    return (
        "Prices, haircuts, caps, reserves with their addresses, how many accounts there are at most, and separators "
        "between batches.",
        f"Totals by asset of all accounts: {published}. Only commitments to: {hidden}.",
        "Not public: any customer, any balance, who holds which assets, how many do.",
    )


def _balances(statement: Solvency, verdict: SolvencyVerdict | None) -> str:
    """Every asset of the terms, whether anybody holds it or not."""
    if verdict is None:
        return "<p>Nothing is shown of a rejected statement.</p>"
    terms = statement.terms
    header = ["Asset", "Reserves", "Owed"]
    if terms.count_debts:
        header += ["Customers' debt", "at most", "Customers' collateral", "at most"]
    rows = []
    for number, asset in enumerate(terms.assets, 1):

        def amount(lots: Sequence[int] | None, number: int = number) -> str:
            return "hidden" if lots is None else terms.format_amount(number, lots[number])

        row = [escape(asset.id), amount(verdict.reserves), amount(verdict.owed)]
        if terms.count_debts:
            for name in ("debt", "collateral"):
                row += [amount(verdict.totals[name]), amount(terms.caps(name))]
        rows.append(row)
    return _table(header, rows, numeric=len(header) - 1)


def _prices(terms: Terms) -> str:
    """What every asset counts for."""
    rows = [
        (
            escape(asset.id),
            decimal_text(asset.price_usd),
            "; ".join(f"{decimal_text(t.ratio)} from {decimal_text(t.from_usd)} USD" for t in asset.tiers),
            decimal_text(asset.reserve_ratio) if terms.coverage == "value" else "1",
            f"10<sup>-{asset.decimals}</sup>",
        )
        for asset in terms.assets
    ]
    header = ("Asset", "Price in USD", "Collateral counts for", "Reserves count for", "Least amount")
    return _table(header, rows, numeric=0)


def _signers(statement: Solvency) -> str:
    blocks = {chain.id: chain.block for chain in statement.terms.chains}
    rows = []
    for attestation in statement.reserves:
        claim = attestation.claim
        where = f"wallet on {claim.chain}, block {blocks[claim.chain]}" if claim.chain else "custodian"
        rows.append((escape(where), escape(claim.custodian or ""), f"<code>{format_address(claim.address)}</code>"))
    return _table(("What", "Name", "Address"), rows) if rows else "<p>Nobody.</p>"


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]], numeric: int = 0) -> str:
    """Cells are HTML; the last `numeric` columns are numbers."""
    cells = (_cell(name, number=i >= len(heading) - numeric, tag="th") for i, name in enumerate(heading))
    head = f"<tr>{''.join(cells)}</tr>" if heading else ""
    body = "".join(
        "<tr>" + "".join(_cell(cell, number=i >= len(row) - numeric) for i, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f"<table>{head}{body}</table>"


def _cell(content: str, *, number: bool, tag: str = "td") -> str:
    return f'<{tag} class="n">{content}</{tag}>' if number else f"<{tag}>{content}</{tag}>"


def _list(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"
