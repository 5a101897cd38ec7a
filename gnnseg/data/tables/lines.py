"""Lines of receipts and of event logs: what a price, a quantity and a kind of event make of them.

A line is no visit and an order's total no line's spend; a view is no purchase.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import polars as pl

from gnnseg.types import InputError, Setting

ROLES = ("order", "event", "price", "quantity")  # columns that are read where they are named
KINDS_SHOWN = 8


def names(words: str) -> frozenset[str]:
    """Return the names that stand in a text, in lower case, letters and digits alone."""
    return frozenset(words.split())


USUAL = {  # in lower case, letters and digits alone
    "order": names(
        "order orderid orderno ordernr ordernumber ordercode invoice invoiceid invoiceno "
        "invoicenumber basketid basket receiptid receiptno receiptnumber transactionid "
        "transactionno transactionnumber billno billid ticketid ticketno visitid sessionid "
        "bestellung bestellnummer bestellnr bestellid auftrag auftragsnummer auftragsnr "
        "rechnungsnummer rechnungsnr belegnummer belegnr beleg bonnummer bonnr commande "
        "numcommande numérocommande numerocommande idcommande facture numfacture ticketdecaisse "
        "pedido idpedido numeropedido númeropedido numpedido factura numerofactura ordine "
        "idordine numeroordine scontrino notafiscal bestelnummer ordernummer bonnummer "
        "numerzamówienia idzamówienia ordrenummer siparişno siparisno заказ номерзаказа idзаказа "
        "чек номерчека 订单 订单号 订单编号 订单id 交易号 交易编号 流水号 小票号 訂單編號 訂單號 "
        "注文番号 注文id 伝票番号 주문번호 주문id"
    ),
    "price": names(
        "price unitprice priceperunit lineitemprice itemprice productprice salesprice saleprice "
        "sellingprice retailprice einzelpreis stückpreis stueckpreis preis verkaufspreis prix "
        "prixunitaire prixunit precio preciounitario preciounidad prezzo prezzounitario preço "
        "preco preçounitario precounitario valorunitario prijs stukprijs eenheidsprijs cena "
        "cenajednostkowa pris fiyat birimfiyat цена ценазаединицу 单价 价格 售价 單價 價格 単価 "
        "価格 단가 가격"
    ),
    "event": names(
        "event eventtype eventname eventkind eventcategory action actiontype actionname behavior "
        "behaviour behaviortype behaviourtype interaction interactiontype activity activitytype "
        "type kind ereignis ereignistyp aktion aktionstyp évènement événement evenement evento "
        "tipoevento accion acción azione ação событие действие 行为 行为类型 事件 事件类型 行為"
    ),
}
TAKEN = re.compile(
    r"(?i)^(view|page_?view|pv|click|clk|detail|impression|show|cart|add_?to_?cart|addcart|basket|"
    r"fav|favou?rite|like|wish_?list|save|collect|purchase|buy|bought|order|transaction|checkout|"
    r"remove_?from_?cart|play|listen|skip|share|download|install)\w*$"
)
BOUGHT = re.compile(r"(?i)^(purchase|buy|bought|order|transaction|checkout)")


def column_of(
    role: str, head: pl.DataFrame, taken: Sequence[str | None], simple: Mapping[str, str]
) -> str | None:
    """Return the only column left that is called as ``role`` usually is; None if not one.

    Args:
        role: order, price or event.
        head: The first rows of a table.
        taken: Columns that serve already.
        simple: Names of columns in lower case, letters and digits alone, by column.
    """
    fits = [n for n in head.columns if simple[n] in USUAL[role] and n not in taken]
    if role == "order":  # a shop system's export calls it Name, and its cells #1001
        fits = fits or [n for n in head.columns if n not in taken and _numbered(head[n])]
        fits = [n for n in fits if not blank(head[n]).any()]
    if role == "event":
        fits = [n for n in fits if _kinds(head[n])]
    return fits[0] if len(fits) == 1 else None


def blank(cells: pl.Series) -> pl.Series:
    """Return which cells hold nothing, bool."""
    if cells.dtype != pl.String:
        return cells.is_null()
    return cells.is_null() | (cells.str.strip_chars() == "").fill_null(True)


def _numbered(cells: pl.Series) -> bool:
    some = cells.drop_nulls()
    return some.dtype == pl.String and len(some) > 0 and bool(some.str.contains(r"^#\d+$").all())


def _kinds(cells: pl.Series) -> list[str]:
    """Return the kinds of events that cells name: a few words, one of them usual."""
    if cells.dtype not in (pl.String, pl.Categorical):
        return []
    kinds = sorted(cells.cast(pl.String).str.strip_chars().drop_nulls().unique().to_list())
    kinds = [kind for kind in kinds if kind]
    several = 1 < len(kinds) <= 20
    return kinds if several and any(TAKEN.match(kind) for kind in kinds) else []


def unused_kinds(
    head: pl.DataFrame, taken: Sequence[str | None], simple: Mapping[str, str]
) -> str | None:
    """Return a sentence on a column of kinds of events that stands unused; None: there is none."""
    name = column_of("event", head, taken, simple)
    if name is None:
        return None
    kinds = _kinds(head[name])
    listed = ", ".join(kinds[:KINDS_SHOWN]) + (" …" if len(kinds) > KINDS_SHOWN else "")
    most = next((kind for kind in kinds if BOUGHT.match(kind)), kinds[-1])
    least = next(kind for kind in kinds if kind != most)
    return (
        f"column {name!r} tells kinds of events apart ({listed}), all taken alike (--event {name} "
        f"--keep {most} takes one kind, --keep {least}=1,{most}=5 weighs them)"
    )


def spent(frame: pl.DataFrame) -> pl.DataFrame:
    """Return events with spend = price x quantity, where a price was named.

    The quantity is the weight where none is named, and 1 where there is neither.

    Raises:
        InputError: For a spend beside a price, or a quantity without one.
    """
    price = Setting("data.price")
    if "price" not in frame.columns:
        if "quantity" in frame.columns:
            raise InputError(
                where=Setting("data.quantity"),
                problem="multiplies a price, and none is named",
                advice=("name ", price, ", or the quantity as ", Setting("data.weight")),
            )
        return frame
    if "spend" in frame.columns:
        raise InputError(
            where=(price, " and ", Setting("data.spend")),
            problem="are both named",
            advice="spend is the price times the quantity; name one of the two",
        )
    times = next((name for name in ("quantity", "weight") if name in frame.columns), None)
    value = pl.col("price") * (1.0 if times is None else pl.col(times))
    return frame.with_columns(spend=value).drop("price", "quantity", strict=False)


def kept(
    frame: pl.DataFrame, keep: str | Mapping[str, float] | None
) -> tuple[pl.DataFrame, dict[str, int], list[str]]:
    """Return the events of the kinds that count, how many others there were by kind, and notes.

    ``keep``: purchase, or purchase=5,view=1, or a mapping of kinds to weights: a kind's weight
    multiplies the events'.

    Raises:
        InputError: Kinds without ``keep`` or the other way round, or a kind that is not there.
    """
    setting = Setting("data.keep")
    if "event" not in frame.columns:
        if keep is not None:
            raise InputError(
                where=Setting("data.keep", f"{keep}"),
                problem="says which kinds of events count, and no column of kinds is named",
                advice=("name it in ", Setting("data.event")),
            )
        return frame, {}, []
    kind = pl.col("event").cast(pl.String).str.strip_chars().fill_null("")
    frame = frame.with_columns(event=kind)
    counts = dict(frame["event"].value_counts(sort=True).iter_rows())
    listed = ", ".join(f"{k or 'empty'} {n:,}" for k, n in [*counts.items()][:KINDS_SHOWN])
    if keep is None:
        raise InputError(
            where=Setting("data.event"),
            problem=f"kinds of events are {listed}, and it is not said which count",
            advice=("set ", setting, ", such as purchase or view=1,purchase=5"),
        )
    wanted = _weights(keep) if isinstance(keep, str) else {str(k): float(keep[k]) for k in keep}
    if lacking := next((k for k in wanted if k not in counts), None):
        raise InputError(
            where=setting, problem=f"no event is of kind {lacking!r}", advice=f"there are {listed}"
        )
    left = {
        f"event is {k or 'empty'}, not of a kind that is kept": n
        for k, n in counts.items()
        if k not in wanted
    }
    frame = frame.filter(pl.col("event").is_in(list(wanted)))
    if any(weight != 1.0 for weight in wanted.values()):
        factor = pl.col("event").replace_strict(wanted, return_dtype=pl.Float64)
        weight = pl.col("weight") * factor if "weight" in frame.columns else factor
        frame = frame.with_columns(weight=weight)
    said = ", ".join(k if w == 1.0 else f"{k} with weight {w:g}" for k, w in wanted.items())
    return frame.drop("event"), left, [f"events of kind {said}"]


def _weights(keep: str) -> dict[str, float]:
    """Return kinds and their weights out of ``purchase=5,view``."""
    found: dict[str, float] = {}
    for part in keep.split(","):
        kind, equals, weight = part.strip().rpartition("=")
        name, number = (kind, weight) if equals else (weight, "1")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not name.strip() or not math.isfinite(value) or value <= 0:
            raise InputError(
                where=Setting("data.keep", keep),
                problem=f"{part.strip()!r} is no kind of event and no KIND=WEIGHT above 0",
                advice="write purchase, or view=1,purchase=5",
            )
        found[name.strip()] = value
    return found
