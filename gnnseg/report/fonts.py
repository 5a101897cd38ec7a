"""What this machine can show: where it has no font for a name, the id stands in its place."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

NAMES = {
    "CJK": "Chinese characters", "HANGUL": "Korean", "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese", "CYRILLIC": "Cyrillic",
    "GREEK": "Greek", "ARABIC": "Arabic", "HEBREW": "Hebrew", "THAI": "Thai",
    "DEVANAGARI": "Devanagari", "BENGALI": "Bengali",
    "TAMIL": "Tamil", "GEORGIAN": "Georgian", "ARMENIAN": "Armenian",
}  # fmt: skip


@cache
def covering(character: str) -> str | None:
    """Return the name of an installed font that has a character; None where there is none.

    Matplotlib, whose list this is, brings a font of last resort, which has a box for every
    character.
    """
    from matplotlib.font_manager import fontManager, get_font

    for font in fontManager.ttflist:
        try:
            if "Last Resort" not in font.name and get_font(font.fname).get_char_index(
                ord(character)
            ):
                return str(font.name)
        except (OSError, RuntimeError):  # a file that is gone or is no font
            continue
    return None


def scripts(texts: Iterable[str]) -> dict[str, str]:
    """Return the scripts beyond Latin of some texts, each with a character of theirs."""
    found: dict[str, str] = {}
    for character in sorted({c for text in texts for c in text if ord(c) > 0x24F and c.isalpha()}):
        first = unicodedata.name(character, "").split(" ")[0].split("-")[0]
        found.setdefault(NAMES.get(first, first.capitalize()), character)
    return found


def lacking(texts: Iterable[str]) -> list[str]:
    """Return the scripts that no font on this machine has."""
    return [script for script, character in scripts(texts).items() if covering(character) is None]


def legible(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the same lists, with the id in place of each name that no font here can show."""
    import polars as pl

    boxes = [name for name in frame["name"].drop_nulls().unique().to_list() if lacking([name])]
    if not boxes:
        return frame
    return frame.with_columns(
        name=pl.when(pl.col("name").is_in(boxes)).then(pl.col("item")).otherwise(pl.col("name"))
    )


def warning(folder: Path) -> str | None:
    """Return one sentence where a run's page has names that this machine cannot show."""
    import polars as pl

    texts: set[str] = set()
    for name, columns in (("cards", ("name", "item")), ("examples", ("name", "user"))):
        path = folder / f"{name}.parquet"
        if path.exists():
            frame = pl.read_parquet(path)
            texts |= {text for column in columns for text in frame[column].drop_nulls().to_list()}
    missing = lacking(texts)
    if not missing:
        return None
    return (
        f"names are in {', '.join(missing)}, and no font on this machine has them: ids stand in "
        "their place; install a font "
        "(fonts-noto and fonts-noto-cjk have all) and write the page again with gnnseg report"
    )
