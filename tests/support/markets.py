"""A small market with every kind of instrument and awkward ones: expiring in an hour, far wings, no volatility."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from zkmargin.circuits.markets.instruments import InstrumentSet

AS_OF = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
SPOTS = {"BTC": "94250.5", "ETH": "3284.25", "DOGE": "0.14237"}


def small_market() -> InstrumentSet:
    """Three underlyings, one a cheap coin; three expiries, the first within an hour."""
    entries: list[dict[str, Any]] = [
        {"id": "USD", "kind": "cash"},
        {"id": "USDC", "kind": "spot", "underlying": "USDC", "mark_price_usd": "0.9998"},
    ]
    for name, price in SPOTS.items():
        base = {"underlying": name, "mark_price_usd": price}
        entries += [
            {"id": name, "kind": "spot", **base},
            {"id": f"supply-{name}", "kind": "supply", **base, "index": "1.0218437719"},
            {"id": f"borrow-{name}", "kind": "borrow", **base, "index": "1.0344203301"},
            {"id": f"{name}-PERP", "kind": "perpetual", **base, "open_interest": str(int(40_000_000 / float(price)))},
        ]
        spot = Decimal(price)
        for hours in (1, 24 * 25, 24 * 300):
            expiry = (AS_OF + timedelta(hours=hours)).isoformat()
            forward = str((spot * (1 + Decimal(hours) / 200000)).quantize(Decimal("0.000001")))
            entries.append({"id": f"{name}-F{hours}", "kind": "future", **base, "expiry": expiry})
            for ratio in ("0.3", "0.8", "1", "1.25", "3"):
                for side in ("call", "put"):
                    entries.append(
                        {
                            "id": f"{name}-{hours}-{ratio}-{side[0].upper()}",
                            "kind": "option",
                            "underlying": name,
                            "mark_price_usd": str((spot * Decimal("0.0123")).quantize(Decimal("0.00000001"))),
                            "forward_usd": forward,
                            "implied_vol": "0" if ratio == "1.25" and hours == 1 else "0.6243",
                            "expiry": expiry,
                            "strike_usd": str((spot * Decimal(ratio)).quantize(Decimal("0.0001"))),
                            "option_type": side,
                        }
                    )
    return InstrumentSet.model_validate({"as_of": AS_OF.isoformat(), "instruments": entries})
