"""Prices and quantities, orders and kinds of events out of a table of one's own."""

from pathlib import Path

import polars as pl
import pytest

import gnnseg
from gnnseg.data.sets.fetching import Place
from gnnseg.data.tables import inspect, lines
from gnnseg.data.tables.fields import ROLES
from gnnseg.data.tables.readers import FileReader
from gnnseg.types import InputError

NONE = dict.fromkeys(ROLES)
SHOP = """Name,Email,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku
#1001,a@x.org,11.25,2024-01-05 14:00:00,1,Tea,1.25,T1
#1001,a@x.org,,2024-01-05 14:00:00,2,Cup,5.00,C1
#1002,b@x.org,15.00,2024-01-06 09:00:00,3,Cup,5.00,C1
#1003,a@x.org,2.50,2024-01-09 10:00:00,2,Tea,1.25,T1
"""
CLICKS = """visitor,item,event,ts
1,a,view,1704106800
1,a,addtocart,1704106860
1,a,transaction,1704106900
2,a,view,1704106950
2,b,view,1704107000
2,b,transaction,1704107100
"""


def put(where: Path, text: str, name: str = "lines.csv") -> str:
    (where / name).write_text(text, "utf-8")
    return str(where / name)


def read(path: str, **settings):
    said: list[str] = []
    raw = FileReader(path=path, **settings).read(Place(Path(), Path(), said.append), "file")
    return raw, "\n".join(said)


def test_an_orders_total_is_no_lines_spend(tmp_path):
    path = put(tmp_path, SHOP)
    raw, said = read(path, user="Email")
    assert raw.events["spend"].to_list() == [1.25, 10.0, 15.0, 2.5]
    assert "price='Lineitem price'" in said
    text = inspect.check(path, {**NONE, "user": "Email"})
    assert "--price 'Lineitem price'" in text
    assert "--order Name" in text
    assert "--spend" not in text
    assert "--on-error" not in text


def test_a_spend_that_is_named_is_read(tmp_path):
    with pytest.raises(InputError, match="spend is no number"):
        read(put(tmp_path, SHOP), user="Email", spend="Total")


def test_price_times_quantity_weight_or_one(tmp_path):
    path = put(tmp_path, "user,item,n,each\na,x,2,1.5\nb,y,3,2\n")
    spends = [
        read(path, price="each", **more)[0].events["spend"].to_list()
        for more in ({"quantity": "n"}, {"weight": "n"}, {})
    ]
    assert spends == [[3, 6], [3, 6], [1.5, 2]]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"price": "each", "spend": "n"}, "are both named"),
        ({"quantity": "n"}, "multiplies a price"),
        ({"keep": "view"}, "no column of kinds is named"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, settings, words):
    path = put(tmp_path, "user,item,n,each\na,x,2,1.5\nb,y,3,2\n")
    with pytest.raises(InputError, match=words):
        read(path, **settings)


def test_kinds_of_events_are_noticed_kept_and_weighed(tmp_path):
    path = put(tmp_path, CLICKS)
    raw, said = read(path, user="visitor")
    assert len(raw.events) == 6
    assert "column 'event' tells kinds of events apart (addtocart, transaction, view)" in said
    assert "--keep transaction" in said
    raw, said = read(path, user="visitor", event="event", keep="transaction")
    assert raw.events.select("user", "item").rows() == [("1", "a"), ("2", "b")]
    assert raw.rejected == {
        "event is view, not of a kind that is kept": 3,
        "event is addtocart, not of a kind that is kept": 1,
    }
    assert "events of kind transaction" in said
    for keep in ("view=1, transaction=5", {"view": 1, "transaction": 5}):
        raw, said = read(path, user="visitor", event="event", keep=keep)
        assert raw.events["weight"].to_list() == [1, 5, 1, 1, 5]
        assert "transaction with weight 5" in said


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        (None, "view 3, transaction 2, addtocart 1"),
        ("buy", "no event is of kind 'buy'"),
        ("view=", "KIND=WEIGHT"),
        ("view=-1", "KIND=WEIGHT"),
        ("", "KIND=WEIGHT"),
    ],
)
def test_a_kind_that_is_not_there_is_refused(tmp_path, keep, words):
    with pytest.raises(InputError, match=words):
        read(put(tmp_path, CLICKS), user="visitor", event="event", keep=keep)


def test_what_check_shows_is_what_is_kept(tmp_path):
    path = put(tmp_path, CLICKS)
    columns = {**NONE, "user": "visitor", "event": "event"}
    text = inspect.check(path, columns, keep="view=1,transaction=5")
    assert "5 events of 2 users" in text
    assert "--event event --keep view=1,transaction=5" in text


def test_a_type_of_goods_is_no_kind_of_event():
    head = pl.DataFrame({"user": ["1", "2"], "item": ["a", "b"], "type": ["tea", "cup"]})
    assert lines.unused_kinds(head, ["user", "item"], {n: n for n in head.columns}) is None


def test_lines_without_an_order_are_told_apart_by_their_time(tmp_path):
    path = put(tmp_path, "user,item,ts,bon\na,x,2024-01-01,1\na,y,2024-01-02,\na,z,2024-01-02,\n")
    raw, said = read(path, time="ts", order="bon")
    orders = raw.events["order"].to_list()
    assert orders[0] == "1"
    assert orders[1] == orders[2] != orders[0]
    assert "2 rows without an order" in said


def test_in_python_as_by_the_file(tmp_path):
    frame = pl.read_csv(put(tmp_path, CLICKS))
    raw = gnnseg.interactions(
        frame, user="visitor", time="ts", event="event", keep={"transaction": 2.0}
    )
    assert raw.events["weight"].to_list() == [2, 2]
    shop = pl.read_csv(put(tmp_path, SHOP))
    raw = gnnseg.interactions(
        shop, user="Email", item="Lineitem sku", price="Lineitem price",
        quantity="Lineitem quantity", order="Name",
    )  # fmt: skip
    assert raw.events["spend"].sum() == 28.75
    assert raw.events["order"].n_unique() == 3


def test_a_price_is_proposed_where_no_spend_is(tmp_path):
    text = "InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID\n" + "".join(
        f"{536365 + n // 4},{85000 + n % 9}A,{1 + n % 6},2010-12-{1 + n % 28:02} 08:26:00,2.55,"
        f"{17850 + n % 15}.0\n"
        for n in range(60)
    )
    path = put(tmp_path, text)
    shown = inspect.check(path, NONE)
    assert "--order InvoiceNo --price UnitPrice" in shown
    raw, _ = read(path, price="UnitPrice", order="InvoiceNo")
    assert raw.events["spend"].sum() == pytest.approx(2.55 * raw.events["weight"].sum())
    raw, _ = read(path)
    assert "spend" not in raw.events.columns
