"""Which column is what: by the names people give, in their languages.

By content only where somebody looks and confirms.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from gnnseg.data.tables import dates, joined, lines, numbers, orders, units
from gnnseg.data.tables.fields import ROLES, named
from gnnseg.data.tables.sheets import shown
from gnnseg.types import InputError, Setting

USUAL = {  # in lower case, letters and digits alone
    "user": lines.names(
        "user userid uid username useridentifier customer customerid customerno customernr "
        "customernumber customercode custid custno client clientid clientno clientnumber buyer "
        "buyerid shopper shopperid member memberid visitor visitorid household householdid "
        "householdkey accountid subscriberid reader readerid listener listenerid kunde kunden "
        "kundeid kundenid kundennr kundennummer kundenkonto debitor debitornr nutzer nutzerid "
        "benutzer benutzerid käufer käuferid idclient numclient numéroclient numeroclient nclient "
        "codeclient utilisateur idutilisateur acheteur cliente idcliente clienteid codigocliente "
        "códigocliente codcliente usuario idusuario comprador utente idutente codicecliente "
        "usuário idusuário codigodocliente utilizador klant klantid klantnr klantnummer gebruiker "
        "gebruikerid klient idklienta klientid nabywca kund kundnr kundnummer kundid müşteri "
        "müşteriid müşterino kullanıcı клиент клиентid idклиента кодклиента покупатель "
        "idпокупателя пользователь idпользователя 客户 客户id 客户编号 客户编码 客户号 客户代码 "
        "用户 用户id 用户编号 会员 会员id 会员号 会员编号 会员卡号 买家 买家id 买家昵称 顾客 "
        "顾客id 顾客编号 客戶 客戶id 客戶編號 客戶代號 用戶 用戶id 會員 會員id 會員編號 會員號 "
        "使用者 使用者id 顧客 顧客id 顧客番号 顧客コード 会員番号 ユーザー ユーザーid ユーザid "
        "お客様番号 고객 고객id 고객번호 고객코드 회원 회원id 회원번호 사용자 사용자id"
    ),
    "item": lines.names(
        "item itemid itemno itemnr itemnumber itemcode iid movieid artistid product productid "
        "productno productnr productnumber productcode sku skuid stockcode article articleid "
        "articleno articlenr articlenumber articlecode trackid songid bookid isbn asin ean gtin "
        "upc barcode material materialno materialnumber variantsku lineitemsku artikel artikelid "
        "artikelnr artikelnummer produkt produktid produktnr produktnummer idarticle codearticle "
        "produit produitid idproduit codeproduit référence reference refproduit artículo articulo "
        "idarticulo producto productoid idproducto codigoproducto códigoproducto codproducto "
        "articolo idarticolo codicearticolo prodotto idprodotto codiceprodotto produto idproduto "
        "produtoid codigoproduto códigoproduto codproduto artigo artikelcode towar idtowaru "
        "idproduktu ürün ürünid ürünkodu товар idтовара кодтовара артикул продукт idпродукта 商品 "
        "商品id 商品编号 商品编码 商品代码 商品条码 产品 产品id 产品编号 产品编码 产品代码 货号 "
        "货品 货品编号 物料 物料编码 物料编号 條碼 条码 条形码 商品編號 商品編碼 商品代號 產品 "
        "產品id 產品編號 貨號 商品番号 商品コード 品番 アイテム アイテムid 製品 製品コード 상품 "
        "상품id 상품번호 상품코드 제품 제품번호 제품코드 품목 품목코드"
    ),
    "weight": lines.names(
        "weight rating ratings stars quantity qty quantityordered orderquantity lineitemquantity "
        "units unitssold plays playcount listens count menge anzahl stück stückzahl bewertung "
        "quantité quantite qté qte cantidad unidades puntuación puntuacion quantità pezzi "
        "quantidade qtd qtde quantidadevendida aantal hoeveelheid ilość ilosc sztuk antal miktar "
        "adet количество колво оценка 数量 购买数量 销售数量 销量 件数 评分 數量 購買數量 "
        "銷售數量 評分 個数 購入数 評価 수량 구매수량 주문수량 평점"
    ),
    "time": lines.names(
        "time timestamp ts datetime date transactiontimestamp transactiondate transactiontime "
        "transactiondatetime orderdate ordertime orderdatetime orderedat purchasedate "
        "purchasetime purchasedat invoicedate created createdat createdon createddate paidat "
        "paymentdate saledate salesdate eventtime eventdate ratedat datum zeit zeitpunkt "
        "zeitstempel bestelldatum auftragsdatum kaufdatum rechnungsdatum belegdatum buchungsdatum "
        "verkaufsdatum bestellzeit datecommande datedecommande dateachat dateheure horodatage "
        "fecha fechahora fechapedido fechacompra fechaventa dataordine datapedido datadopedido "
        "datacompra datadacompra datavenda besteldatum aankoopdatum orderdatum datazamówienia "
        "datasprzedaży tarih siparistarihi sipariştarihi дата датазаказа датапокупки времязаказа "
        "日期 时间 日期时间 下单时间 下单日期 订单日期 订单时间 订单创建时间 订单付款时间 "
        "购买时间 购买日期 付款时间 支付时间 交易时间 交易日期 成交时间 销售日期 创建时间 時間 "
        "日期時間 訂單日期 訂單時間 下單時間 購買日期 購買時間 交易日期時間 日付 日時 注文日 "
        "注文日時 購入日 購入日時 購買日 날짜 일시 일자 주문일 주문일시 주문일자 구매일 구매일시 "
        "구매일자"
    ),
    "spend": lines.names(
        "spend spent amount salesvalue salesamount revenue sales turnover totalprice linetotal "
        "linetotalprice total umsatz betrag gesamtpreis gesamtbetrag zeilensumme montant "
        "montantttc montanttotal chiffredaffaires importe monto importetotal preciototal "
        "montototal importo importototale prezzototale valortotal preçototal precototal bedrag "
        "omzet totaalprijs kwota wartość belopp tutar сумма выручка стоимость 金额 总价 总金额 "
        "销售额 销售金额 实付金额 支付金额 付款金额 订单金额 成交金额 金額 總價 總金額 銷售額 "
        "訂單金額 売上 売上金額 購入金額 合計金額 금액 매출 매출액 결제금액 주문금액 총금액"
    ),
}
TITLES = lines.names(
    "title itemtitle itemname productname producttitle articlename lineitemname movietitle "
    "description itemdescription productdescription artikelname artikelbezeichnung artikeltext "
    "artikelbeschreibung bezeichnung beschreibung produktname produktbezeichnung libellé libelle "
    "désignation designation nomproduit nomduproduit nomarticle descripción descripcion "
    "nombreproducto nombredelproducto nombrearticulo descrizione nomeprodotto descrição descricao "
    "nomeproduto nomedoproduto productnaam omschrijving artikelnaam nazwaproduktu nazwatowaru "
    "ürünadı наименование наименованиетовара название названиетовара 商品名称 商品名 商品标题 "
    "宝贝标题 宝贝名称 产品名称 产品名 品名 货品名称 物料名称 商品名稱 商品標題 產品名稱 "
    "アイテム名 製品名 상품명 제품명 품목명"
)
HEADER_WORDS = frozenset().union(*USUAL.values(), TITLES, lines.names("id name"))
ENDS = re.compile(
    r"^(id|no|nr|number|nummer|code|key"
    r"|编号|编码|号|id号|代码|編號|代號|番号|コード|번호|코드)$"
)


SPENT = USUAL["spend"] - lines.names("total sales")  # words that alone say what was paid
SEEN, DAY = 631152000.0, 86400.0  # 1990; a time of before is more often another number


def simple(name: str) -> str:
    """Return a column's name in lower case, letters and digits alone."""
    return re.sub(r"[\W_]", "", name).lower()


def choose(
    path: Path,
    head: pl.DataFrame,
    mapping: Mapping[str, str | None],
    *,
    text: bool = True,
    guess: bool = False,
) -> dict[str, str | None]:
    """Return columns by role; a role whose column is not there has None.

    Args:
        path: The table, as messages name it.
        head: Its first rows.
        mapping: Columns as named; None: looked for by the usual names; '': none; the time may be
            several columns, 'Date,Time'.
        text: The table came from text, so that its first line may be data.
        guess: Where no name fits, content may: the only column of dates is the time, the only
            column left that could be ids is the user or the item.

    Raises:
        InputError: A named column is not there, several fit, or none is the user or the item.
    """
    given = mapping.get("time")
    head = joined.added(head, given)
    names = head.columns
    others = (*lines.ROLES, "title")
    wanted = {role: name for role in (*ROLES, *others) if (name := mapping.get(role))}
    unique = orders.chosen(names, mapping)
    named(path, names, wanted | unique)
    taken = set(wanted.values())
    columns: dict[str, str | None] = {}
    for role in ROLES:
        given = mapping.get(role)
        if role == "time" and given is None and (both := _date_and_time(head, taken)) is not None:
            head = joined.added(head, both)
            given = both
        columns[role] = _by_name(path, role, names, taken) if given is None else given or None
    if guess:
        used = {name for name in columns.values() if name} | taken
        free = [name for name in names if name not in used]
        if columns["time"] is None and mapping.get("time") is None:
            dated = [name for name in free if kind(head[name]) == "dates"]
            dated = dated or [name for name in free if _are_unix_times(head[name])]
            columns["time"] = _one(path, "time", dated)
        free = [name for name in free if name != columns["time"]]
        if columns["spend"] is None and mapping.get("spend") is None:
            columns["spend"] = _spend_by_name(head, free)
        _ids_by_content(path, head, columns, [name for name in free if name != columns["spend"]])
    if (lacking := next((r for r in ("user", "item") if columns[r] is None), None)) is not None:
        raise _lacking(path, head, names, lacking, by_place=text and names[0] == "column_1")
    named(path, head.columns, columns)
    _lines(head, mapping, columns, guess=guess)
    return columns | {role: wanted[role] for role in others if role in wanted} | unique


def _lacking(
    path: Path, head: pl.DataFrame, names: Sequence[str], role: str, *, by_place: bool
) -> InputError:
    """Return the refusal of a table in which no column is the user or the item."""
    listed = ", ".join(
        f"{name} ({shown(str(head[name][0]))})" if by_place else shown(name) for name in names[:12]
    ) + (" …" if len(names) > 12 else "")
    return InputError(
        where=path,
        problem=("no column for ", Setting(f"data.{role}")),
        advice=(
            f"it has {'no header: ' if by_place else ''}{listed}: set ",
            Setting(f"data.{role}", "COLUMN"),
        ),
    )


def _lines(
    head: pl.DataFrame,
    mapping: Mapping[str, str | None],
    columns: dict[str, str | None],
    *,
    guess: bool,
) -> None:
    """Take a price where the usual spend is an order's total; propose an order where one looks.

    An order's total stands on the first of its lines, and is blank on the others.
    """
    simples = {name: simple(name) for name in head.columns}
    if mapping.get("price"):
        columns["spend"] = mapping.get("spend") or None  # to be refused where both are named
    elif columns["spend"] is not None and not mapping.get("spend"):
        blank = lines.blank(head[columns["spend"]])
        price = lines.column_of("price", head, list(columns.values()), simples)
        if price is not None and bool(blank.any()):
            columns |= {"spend": None, "price": price}
    elif guess and columns["spend"] is None and mapping.get("spend") is None:
        price = lines.column_of("price", head, list(columns.values()), simples)
        if price is not None and kind(head[price]) in ("numbers", "whole numbers"):
            columns |= {"price": price}
    if guess and mapping.get("order") is None:
        order = lines.column_of("order", head, list(columns.values()), simples)
        columns |= {} if order is None else {"order": order}


def _date_and_time(head: pl.DataFrame, taken: set[str]) -> str | None:
    """Return ``Date,Time`` where two columns of usual names hold days and times of day."""
    fits = [name for name in head.columns if simple(name) in USUAL["time"] and name not in taken]
    return joined.pair(head, fits)


def _by_name(path: Path, role: str, names: Sequence[str], taken: set[str]) -> str | None:
    """Return the column of a usual name; of 'product' and 'product id' the latter is the id."""
    fits = [name for name in names if simple(name) in USUAL[role] and name not in taken]
    if role in ("user", "item") and len(fits) == 2:
        short, long = sorted(fits, key=lambda name: len(simple(name)))
        end = simple(long).removeprefix(simple(short))
        if end != simple(long) and ENDS.match(end):
            return long
    return _one(path, role, fits)


def _one(path: Path, role: str, fits: Sequence[str]) -> str | None:
    if len(fits) > 1:
        unset = Setting(f"data.{role}", "''")
        none = "" if role in ("user", "item") else (" (", unset, " for none)")
        raise InputError(
            where=path,
            problem=f"{role} may be column {' or '.join(map(shown, fits[:8]))}",
            advice=("set ", Setting(f"data.{role}", "COLUMN"), none),
        )
    return fits[0] if fits else None


def _ids_by_content(
    path: Path, head: pl.DataFrame, columns: dict[str, str | None], free: Sequence[str]
) -> None:
    """Set the user or item to the only column left that could be ids; of two, one is asked for."""
    missing = [role for role in ("user", "item") if columns[role] is None]
    fits = [name for name in free if _repeats(head[name]) and not _are_quantities(name, head[name])]
    plain = [name for name in fits if simple(name) not in TITLES]
    if not missing or not fits:
        return
    if len(missing) == 2 and len(fits) > 1:
        quoted = " or ".join(map(shown, fits[:8]))
        user, item = (Setting(f"data.{role}", "COLUMN") for role in ("user", "item"))
        raise InputError(
            where=path,
            problem=f"user and item may each be column {quoted}",
            advice=("set ", user, " and ", item),
        )
    if len(missing) == 1:
        columns[missing[0]] = _one(path, missing[0], plain or fits)


def _spend_by_name(head: pl.DataFrame, free: Sequence[str]) -> str | None:
    """Return the only column of numbers that has a usual name of spend among its words."""
    fits = [
        name
        for name in free
        if kind(head[name]) in ("numbers", "whole numbers")
        and {*re.split(r"[\W_]+", name.lower())} & SPENT
    ]
    return fits[0] if len(fits) == 1 else None


def _are_unix_times(series: pl.Series) -> bool:
    """Return whether these are whole seconds or milliseconds of a time people may have seen."""
    if kind(series) not in ("whole numbers", "numbers"):
        return False
    cells = series.drop_nulls().cast(pl.Float64, strict=False)
    if cells.null_count():
        return False
    spans = ((SEEN, time.time() + DAY), (1000 * SEEN, 1000 * (time.time() + DAY)))
    whole = len(cells) > 0 and bool((cells == cells.round()).all())
    return whole and any(bool(cells.is_between(*span).all()) for span in spans)


def _are_quantities(name: str, series: pl.Series) -> bool:
    """Return whether a column counts or rates things: by its name, or most of its cells are 1."""
    words = {simple(name), *re.split(r"[\W_]+", name.lower())}
    if words & (USUAL["weight"] | USUAL["spend"]):
        return True
    if kind(series) != "whole numbers":
        return False
    cells = series.drop_nulls().cast(pl.Int64, strict=False)
    return float((cells == 1).mean() or 0) > 0.5  # type: ignore[arg-type]


def _repeats(series: pl.Series) -> bool:
    """Return whether these could be ids: text or whole numbers, some of them more than once."""
    cells = series.drop_nulls()
    distinct = cells.n_unique()
    return (
        kind(series) in ("text", "whole numbers")
        and distinct > 1
        and (distinct < len(cells) or len(cells) < 20)
    )


def kind(series: pl.Series) -> str:
    """Return what cells look like: dates, whole numbers, numbers, text, empty, or other."""
    if series.dtype.is_temporal():
        return "dates"
    if series.dtype.is_numeric():
        return "whole numbers" if series.dtype.is_integer() else "numbers"
    if series.dtype not in (pl.String, pl.Categorical):
        return "other"
    cells = series.cast(pl.String).str.strip_chars()
    cells = cells.filter(cells.is_not_null() & (cells != ""))
    if cells.is_empty():
        return "empty"
    if bool(cells.str.contains(units.DAY_NUMBER).all()):
        return "dates"
    if not cells.cast(pl.Int64, strict=False).null_count():
        return "whole numbers"  # unix seconds too: only their name shows it
    if any(bool(cells.str.contains(pattern).all()) for pattern in numbers.GROUPED.values()):
        return "numbers"
    if not cells.cast(pl.Float64, strict=False).null_count():
        return "numbers"
    try:
        if not numbers.read(cells, "", "")[0].null_count():
            return "numbers"
    except InputError:  # a decimal sign, or a currency, that the sample leaves open
        return "numbers"
    try:
        seconds = dates.read(cells)[0]
    except InputError:  # dates in an order that the sample leaves open
        return "dates"
    return "text" if seconds.null_count() or bool((seconds.abs() < 1e6).any()) else "dates"
