"""Money and other large numbers as people read them."""

from __future__ import annotations

import math

LARGE = ((1e9, "bn"), (1e6, "M"), (1e3, "k"))
SHORT = 100_000  # from which on a number is written by its first digits: 261k, 2.61M


def amount(value: float | None, currency: str | None = None) -> str:
    """Return an amount, 'USD 1,796' or 'USD 2.61M'; a dash where none is known.

    Args:
        value: How much.
        currency: Its code; None: not known, so that the number stands alone.
    """
    if value is None or not math.isfinite(value):
        return "–"
    text = short(value)
    return text if currency is None else f"{currency} {text}"


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


def percent(value: float | None, *, signed: bool = False) -> str:
    """Return a share in per cent, with its sign where it is a change."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:+.0%}" if signed else f"{value:.0%}"
    return text.replace("-", "−").replace("+0%", "0%").replace("−0%", "0%")
