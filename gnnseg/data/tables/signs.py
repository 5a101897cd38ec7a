"""Signs around numbers: currencies, minus signs, brackets; and words for yes and no."""

from __future__ import annotations

import polars as pl

from gnnseg.data.tables import figures
from gnnseg.data.tables.sheets import shown
from gnnseg.types import InputError

YES = ("true", "yes", "t", "y", "wahr", "ja", "vrai", "oui", "verdadero", "sí", "vero", "да", "是")
NO = ("false", "no", "f", "n", "falsch", "nein", "faux", "non", "falso", "нет", "否")
FLAGS = {**dict.fromkeys((*YES, "1"), 1.0), **dict.fromkeys((*NO, "0"), 0.0)}
CURRENCY = (  # signs, and what stands for them
    r"(?i:R\$|US\$|C\$|A\$|\p{Sc}|USD|EUR|GBP|CHF|JPY|CNY|RMB|INR|SEK|NOK|DKK|PLN|CZK|HUF|RUB|BRL|"
    r"AUD|CAD|NZD|TRY|KRW|MXN|ZAR|SGD|HKD|TWD|THB|IDR|ILS|AED|SAR|RON|BGN|UAH|VND|PHP|MYR|EURO?|"
    r"kr\.?|zł|Kč|Ft|lei|руб\.?|р\.|грн\.?|Rs\.?|TL|元|円|원)"
)
AMOUNT = r"[0-9][0-9.,'’ \x{a0}\x{202f}\x{2009}]*"
PARTS = (  # a sign, a currency, the number, a currency, a sign; brackets around all or the number
    rf"^(?P<open>\()?\s*(?P<minus>[+-])?\s*(?P<before>{CURRENCY})?\s*(?P<inner>[+-])?(?P<paren>\()?"
    rf"\s*(?P<number>{AMOUNT}|[.,][0-9]+)\s*(?P<close>\))?\s*(?P<after>{CURRENCY})?"
    r"\s*(?P<trailing>-)?\s*(?P<shut>\))?$"
)
CHUNK = 250_000


def flags(words: pl.Series) -> pl.Series | None:
    """Return yes as 1 and no as 0; None where the column holds anything else."""
    low = words.str.strip_chars().str.to_lowercase()
    if not bool(low.head(100).is_in([*FLAGS, ""]).fill_null(True).all()):
        return None
    found = low.unique().drop_nulls()
    known = set(found.to_list()) - {""}
    if not known <= set(FLAGS) or not known - {"0", "1"}:
        return None
    return low.replace_strict(
        list(FLAGS), list(FLAGS.values()), default=None, return_dtype=pl.Float64
    )


def plain(words: pl.Series, odd: pl.Series, where: str, key: str) -> tuple[pl.Series, list[str]]:
    """Return numbers without the signs around them, and what was taken off, in words.

    A minus may be any of Unicode's, or stand behind the number; brackets are a minus where the
    column has numbers without them too.

    Args:
        words: The column.
        odd: Which of its cells are no numbers as they stand.
        where: The table, as messages name it.
        key: The column, as messages name it.

    Raises:
        InputError: Amounts of several currencies.
    """
    places = odd.arg_true()
    if not _promising(words.gather(places[:1000])) and not _promising(words.gather(places)):
        return words, []
    found = [_chunk(words.gather(places.slice(n, CHUNK))) for n in range(0, len(places), CHUNK)]
    table = pl.concat(found)
    kept = table["number"].is_not_null()
    if not bool(kept.any()):
        return words, []
    coins = table["coin"].drop_nulls().unique().sort()
    if len(coins) > 1:
        one, other = (table.filter(table["coin"] == coin)["cell"][0] for coin in coins[:2])
        raise InputError(
            where=where,
            problem=f"{key} has amounts of several currencies, {shown(one)} and {shown(other)}",
            advice="convert them to one",
        )
    brackets = table["bracket"].fill_null(False)
    others = int((~odd & words.is_not_null()).sum())  # numbers as they stand
    if bool(brackets.any()) and not others and bool(brackets.filter(kept).all()):
        return words, []  # numbers in brackets throughout are no minus
    notes = [f"{coins[0]} left out"] if len(coins) else []
    notes += ["brackets read as minus"] if bool(brackets.any()) else []
    notes += ["the minus behind the number"] if bool(table["behind"].fill_null(False).any()) else []
    minus = table["minus"] | brackets
    changed = table.select(
        pl.when(kept & minus).then("-" + pl.col("number")).otherwise(pl.col("number"))
    ).to_series()  # fmt: skip
    rows = places.filter(kept)
    out = words.scatter(rows, changed.filter(kept))
    return out, notes or ["digits or signs of other scripts"]


def _promising(cells: pl.Series) -> bool:
    """Return whether a cell has a digit, and anything but digits and separators."""
    signs = r"[^0-9.,'’\s\x{a0}+-]|[0-9.,]\s*-\s*$"
    return bool((cells.str.contains(r"\p{Nd}") & cells.str.contains(signs)).any())


def _chunk(cells: pl.Series) -> pl.DataFrame:
    groups = figures.ascii(cells).str.strip_chars().str.extract_groups(PARTS).struct.unnest()
    has = {name: pl.col(name).is_not_null() for name in groups.columns}
    whole = has["open"] & has["shut"] & ~has["paren"] & ~has["close"]
    inside = has["paren"] & has["close"] & ~has["open"] & ~has["shut"]
    tight = has["open"] & has["close"] & ~has["paren"] & ~has["shut"]
    bracket = whole | inside | tight
    lone = ~(has["open"] | has["shut"] | has["paren"] | has["close"])
    signs = [pl.col(name) == "-" for name in ("minus", "inner", "trailing")]
    several = sum((has[name].cast(pl.Int8) for name in ("minus", "inner", "trailing")), pl.lit(0))
    right = (lone & (several <= 1)) | (bracket & (several == 0))
    right &= ~(has["before"] & has["after"]) & has["number"]
    return groups.select(
        number=pl.when(right).then(pl.col("number").str.strip_chars()),
        minus=pl.any_horizontal(*signs).fill_null(False),
        bracket=right & bracket,
        behind=right & (pl.col("trailing") == "-"),
        coin=pl.when(right).then(pl.coalesce("before", "after").str.to_uppercase()),
    ).with_columns(cells.alias("cell"))
