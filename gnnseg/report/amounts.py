"""Amounts as people read them, on a terminal and a page alike: shares, money, changes.

What is not known is a dash.
"""

from __future__ import annotations

import math
from typing import TypeGuard

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
DASH = "–"
LARGE = ((1e9, "bn"), (1e6, "M"), (1e3, "k"))
SHORT = 100_000  # from which on a number is written by its first digits: 261k, 2.61M


def percent(share: float | None) -> str:
    """Return a share in per cent, with a decimal where it is small."""
    if not _known(share):
        return DASH
    return f"{share:.0%}" if share >= 0.0995 or share == 0 else f"{share:.1%}"


def count(value: float | None) -> str:
    """Return a number of people or events."""
    return f"{value:,.0f}" if _known(value) else DASH


def people(value: int) -> str:
    """Return a number of people, in words: 1 person, 1,200 people."""
    return f"{value:,} {'person' if value == 1 else 'people'}"


def figure(value: float | None) -> str:
    """Return a mean or a sum, in few characters."""
    return short(value) if _known(value) else DASH


def money(value: float | None, currency: str | None) -> str:
    """Return an amount in few characters with its currency's sign, else its code.

    Args:
        value: How much.
        currency: Its code, ISO 4217; None: not known, so that the number stands alone.
    """
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


def short(value: float) -> str:
    """Return a number in at most seven characters: 2.61M, 951k, 12,345, 62.6, 0.52."""
    size, sign = abs(value), "−" if value < 0 else ""
    if size >= SHORT - 0.5:
        for n, (unit, letter) in enumerate(LARGE):
            if size >= unit * 0.9995:
                digits = max(0, 2 - int(math.log10(max(size / unit, 1))))
                text = f"{size / unit:.{digits}f}"
                if n and float(text) >= 1000:  # 999,999 is a million, not 1000k
                    return f"{sign}{size / LARGE[n - 1][0]:.2f}{LARGE[n - 1][1]}"
                return f"{sign}{text}{letter}"
    if size >= 100:
        return f"{sign}{size:,.0f}"
    return f"{sign}{size:.1f}" if size >= 10 else f"{sign}{size:.2f}"


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)
