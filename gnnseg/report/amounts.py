"""Amounts as the page writes them: shares, money with its sign, changes."""

from __future__ import annotations

import math
from typing import TypeGuard

from gnnseg.report.money import short

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
DASH = "–"


def percent(share: float | None) -> str:
    """Return a share in per cent, with a decimal where it is small."""
    if not _known(share):
        return DASH
    return f"{share:.0%}" if share >= 0.0995 or share == 0 else f"{share:.1%}"


def count(value: float | None) -> str:
    """Return a number of people or events."""
    return f"{value:,.0f}" if _known(value) else DASH


def figure(value: float | None) -> str:
    """Return a mean, in few characters."""
    return short(value) if _known(value) else DASH


def money(value: float | None, currency: str | None) -> str:
    """Return an amount in few characters with its currency's sign, else its code."""
    if not _known(value):
        return DASH
    symbol = SYMBOLS.get(currency or "")
    if symbol:
        return f"−{symbol}{short(-value)}" if value < 0 else f"{symbol}{short(value)}"
    return f"{short(value)} {currency}" if currency else short(value)


def trend(value: float | None) -> str:
    """Return a relative change with its sign."""
    if not _known(value):
        return DASH
    text = f"{value:+.0%}"
    return "0%" if text in ("+0%", "-0%") else text.replace("-", "−")


def change(value: float | None) -> str:
    """Return by how many a number changed, with its sign."""
    return (f"{value:+,.0f}".replace("-", "−") if value else "0") if _known(value) else DASH


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)
