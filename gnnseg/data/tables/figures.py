"""Digits of other scripts (fullwidth, Arabic, Persian, Indian) and minus signs as ASCII."""

from __future__ import annotations

import polars as pl

SCRIPTS = "０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "০১২৩৪৫৬৭৮৯"
SIGNS = {
    "．": ".",
    "，": ",",
    "：": ":",
    "／": "/",
    "＋": "+",
    "　": " ",
    "٫": ".",
    "٬": ",",
    "（": "(",
    "）": ")",
    "￥": "¥",
    "＄": "$",
    **dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\u2014\ufe63\uff0d", "-"),
    **dict.fromkeys("\u200b\u200e\u200f\u202a\u202c\u2060\ufeff", ""),  # invisible marks
}
TABLE = {digit: str(n) for digits in SCRIPTS for n, digit in enumerate(digits)} | SIGNS


def ascii(texts: pl.Series) -> pl.Series:
    """Return texts with digits, minus signs and punctuation of other scripts as ASCII."""
    if bool(texts.str.contains(r"[^\x00-\x7f]").any()):
        return texts.str.replace_many(list(TABLE), list(TABLE.values()))
    return texts
