"""From any file: what people's exports look like, read whole or refused in one sentence."""

import datetime as dt
import gzip
import shlex
from pathlib import Path

import polars as pl
import pytest

import gnnseg.data
from gnnseg import config
from gnnseg.data import cache
from gnnseg.data.sets.fetching import Place
from gnnseg.data.tables import columns, inspect, layout, separators
from gnnseg.data.tables.fields import ROLES
from gnnseg.data.tables.readers import FileReader
from gnnseg.runs import identity
from gnnseg.types import InputError

pytestmark = pytest.mark.slow

NONE = dict.fromkeys(ROLES)
GERMAN = """Kunden Nr;Artikel;Bezeichnung;Menge;Datum;Betrag
1001;A1;Äpfel;2;31.01.2024;1.234,50
1002;A2;Birnen;1;01.02.2024;3,20
1001;A1;Äpfel, rot;1;05.02.2024 18:30;0,99
1001;A1;Äpfel;-2;06.02.2024;-3,20
1003;A3;Mehl;1,5;06.02.2024;0,99
"""
CHINESE = "会员编号,商品编号,商品名称,数量,下单时间\n" + "".join(
    f"{n % 4},{n % 5},{['苹果', '牛奶', '面包', '茶叶', '咖啡'][n % 5]},{1 + n % 3},"
    f"2024年{1 + n % 12}月{1 + n % 28}日 {n % 24}:05\n"
    for n in range(40)
)


def put(where, text, name="orders.csv"):
    path = where / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def node(**options):
    return {**config.compose(["data=file"])["data"], **options}


def raw(tmp_path, **options):
    given = {
        key: value
        for key, value in node(**options).items()
        if key not in ("_target_", "name", "root", "min_weight", "k_core", "currency")
    }
    return FileReader(**given).read(Place(tmp_path, tmp_path, lambda _: None), "file")


def load(tmp_path, **options):
    return gnnseg.data.load(
        node(**options), root=tmp_path, cache=tmp_path / "cache", say=lambda _: None
    )


def refused(tmp_path, **options):
    with pytest.raises(InputError) as caught:
        load(tmp_path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- whole files
# ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_german_export_is_read(tmp_path, encoding, ends):
    path = put(tmp_path, GERMAN.replace("\n", ends).encode(encoding))
    found = raw(tmp_path, path=path, returns="subtract", item_title="Bezeichnung")
    assert found.events.rows() == [
        ("1001", "A1", 1.0, 1706659200.0, 617.25),
        ("1002", "A2", 1.0, 1706745600.0, 3.2),
        ("1003", "A3", 1.5, 1707177600.0, 0.99),
    ]
    assert found.rejected == {
        "return, taken off the purchases before it": 1,
        "purchase returned in full": 1,
    }
    assert dict(found.items.rows()) == {"A1": "Äpfel", "A2": "Birnen", "A3": "Mehl"}
    assert "decimal comma" in found.notes["read"][0]
    assert "day, month, year" in found.notes["read"][0]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_a_chinese_export_is_read(tmp_path, encoding):
    found = raw(tmp_path, path=put(tmp_path, CHINESE.encode(encoding)), item_title="商品名称")
    assert len(found.events) == 40
    assert found.events["time"].null_count() == 0
    assert sorted(found.items["name"]) == sorted(["苹果", "牛奶", "面包", "茶叶", "咖啡"])


def test_an_american_export_is_read(tmp_path):
    text = 'Customer ID,SKU,Quantity,Order Date,Total\n7,x,"1,200",1/31/2024 6:05 PM,"1,250.50"\n'
    found = raw(tmp_path, path=put(tmp_path, gzip.compress(text.encode()), "o.csv.gz"), decimal=".")
    assert found.events.rows()[0] == ("7", "x", 1200.0, 1706724300.0, 1250.5)


# --- several files
# ----------------------------------------------------------------------------------------------


def months(tmp_path):
    head = "user,item,weight,time\n"
    first = put(tmp_path, head + "a,x,1,03/01/2024\nb,y,1,04/01/2024\n", "orders-01.csv")
    second = put(
        tmp_path, "time;user;item;weight\n13/02/2024;a;y;2\n14/02/2024;a;x;-1\n", "orders-02.csv"
    )
    return first, second


def test_files_are_read_as_one_table(tmp_path):
    first, second = months(tmp_path)
    pattern = str(tmp_path / "orders-*.csv")
    one = raw(tmp_path, path=pattern, returns="subtract")
    assert one.events.rows() == [
        ("b", "y", 1.0, 1704326400.0),
        ("a", "y", 2.0, 1707782400.0),
    ]  # the order is detected from both
    assert one.events.equals(raw(tmp_path, path=[first, second], returns="subtract").events)
    assert one.rejected == {
        "return, taken off the purchases before it": 1,
        "purchase returned in full": 1,
    }
    assert "may be 2024-01-03" in refused(tmp_path, path=first)


def test_a_bad_row_is_named_by_its_file(tmp_path):
    put(tmp_path, "user,item\na,x\nb,y\n", "p1.csv")
    put(tmp_path, "user,item\na,y\n,y\n", "p2.csv")
    assert "p2.csv, line 3: no user: empty" in refused(
        tmp_path, path=str(tmp_path / "p*.csv"), missing_ids="fail"
    )
    found = raw(tmp_path, path=str(tmp_path / "p*.csv"), on_error="drop")
    assert found.rejected_examples == {"no user": "p2.csv, line 3: empty"}
    assert found.notes["read"] == [
        "2 files, p1.csv to p2.csv: UTF-8, separated by comma, 2 columns; user='user', item='item'"
    ]


def test_files_that_do_not_go_together_are_refused(tmp_path):
    put(tmp_path, "user,item\na,x\n", "p1.csv")
    other = put(tmp_path, "user,item,shop\na,y,1\n", "p2.csv")
    assert "p2.csv: its columns are not those of p1.csv (p1.csv lacks 'shop')" in refused(
        tmp_path, path=str(tmp_path / "p*.csv")
    )
    assert "no file matches" in refused(tmp_path, path=str(tmp_path / "q*.csv"))
    assert "is an empty list" in refused(tmp_path, path=[])
    assert "is named twice" in refused(tmp_path, path=[other, other])
    assert "no such file" in refused(tmp_path, path=[other, str(tmp_path / "none.csv")])


def test_parquet_files_of_other_types_go_together(tmp_path):
    pl.DataFrame({"user": [1, 2], "item": ["x", "y"]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame(
        {
            "user": ["3"],
            "item": ["x"],
        }
    ).write_parquet(tmp_path / "b.parquet")
    assert raw(tmp_path, path=str(tmp_path / "*.parquet")).events["user"].to_list() == [
        "1",
        "2",
        "3",
    ]


def test_files_and_settings_are_part_of_what_is_cached_and_paths_are_not_part_of_a_run(tmp_path):
    first, second = months(tmp_path)
    place = Place(tmp_path, tmp_path, lambda _: None)
    base = node(path=[first, second])
    assert cache.key(base, place) == cache.key(
        {**base, "path": str(tmp_path / "orders-*.csv")}, place
    )
    others = [
        {"path": first},
        {"path": [second, first]},
        {"decimal": ","},
        {"dates": "dmy"},
        {"returns": "drop"},
        {"item_title": "x"},
        {"encoding": "latin-1"},
    ]
    keys = {cache.key({**base, **other}, place) for other in others}
    assert len(keys | {cache.key(base, place)}) == len(others) + 1
    put(tmp_path, "user,item,weight,time\n", "orders-03.csv")
    assert cache.key({**base, "path": str(tmp_path / "orders-*.csv")}, place) != cache.key(
        base, place
    )
    composed = config.compose(["data=file"])
    runs = {
        identity.identity({**composed, "data": {**base, "path": path}}, "f")
        for path in (first, [first, second])
    }
    assert len(runs) == 1


def test_the_configuration_takes_lists_patterns_and_choices():
    config.check(
        config.compose(
            [
                "data=file",
                "data.path=[a.csv,b.csv]",
                "data.decimal=comma",
                "data.dates=mdy",
                "data.returns=subtract",
            ]
        )
    )
    config.check(config.compose(["data=file", "data.path='orders-*.csv'", "data.decimal=','"]))
    with pytest.raises(
        InputError, match=r"data.returns='refund': must be one of keep, drop, subtract or null"
    ):
        config.check(config.compose(["data=file", "data.returns=refund"]))


# --- returns and titles
# -----------------------------------------------------------------------------------------


def test_a_negative_weight_asks_what_returns_are(tmp_path):
    path = put(tmp_path, "user,item,weight\na,x,2\nb,y,-1\nb,x,1\nb,z,-3\n")
    text = refused(tmp_path, path=path)
    assert (
        "line 3: weight is negative: '-1' (and 1 other rows); if these are returns, set "
        "data.returns=subtract" in text
    )
    assert "weight is negative" in refused(tmp_path, path=path, on_error="drop")
    assert raw(tmp_path, path=path, returns="keep").events["weight"].to_list() == [2, -1, 1, -3]
    found = raw(tmp_path, path=path, returns="drop")
    assert found.events["weight"].to_list() == [2, 1]
    assert found.rejected == {"weight is negative (a return)": 2}
    assert found.rejected_examples["weight is negative (a return)"] == "orders.csv, line 3: '-1'"
    found = raw(tmp_path, path=path, returns="subtract")
    assert found.rejected == {"return of more than was bought before it": 2}


def test_titles_come_from_the_items_or_else_the_interactions(tmp_path):
    path = put(tmp_path, "user,item,what\na,x,Pear\nb,x,pear\na,x,Pear\nb,y,\n")
    names = load(tmp_path, path=path, item_title="what").items
    assert dict(zip(names.ids, names.names, strict=True)) == {"x": "Pear", "y": None}
    items = put(tmp_path, "sku,name,label\nx,1,Birne\ny,2,Mehl\n", "items.csv")
    found = load(tmp_path, path=path, items=items, item_title="label")
    assert found.items.names.tolist() == ["Birne", "Mehl"]
    assert load(tmp_path, path=path, items=items).items.names.tolist() == ["1", "2"]
    assert "no column 'labl' for data.item_title; did you mean 'label'?" in refused(
        tmp_path, path=path, items=items, item_title="labl"
    )
    assert "no column 'whit' for data.item_title" in refused(tmp_path, path=path, item_title="whit")


# --- what people really have
# ------------------------------------------------------------------------------------

BAD = {
    "a spreadsheet": (
        b"PK\x03\x04" + b"\0" * 50,
        "is packed by zip and cannot be unpacked",
    ),
    "an old spreadsheet": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 50,
        "workbook",
    ),
    "a web page": ("<!DOCTYPE html><html><body>Please log in</body></html>", "is a web page"),
    "XML": ("<?xml version='1.0'?>\n<rows/>", "is XML"),
    "broken xz": (b"\xfd7zXZ\0rest", "is packed by xz and broken"),
    "JSON": (
        '{"user": 1, "item": 2}\n{"user": 1, "item": \n',
        "line 2: is no object of JSON",
    ),
    "broken gzip": (gzip.compress(GERMAN.encode())[:-20], "packed by gzip and broken"),
    "gzip of nothing": (gzip.compress(b""), "the file packed in it is empty"),
    "gzip with a flipped byte": (
        gzip.compress(GERMAN.encode())[:30] + b"\xff" + gzip.compress(GERMAN.encode())[31:],
        "packed by gzip and broken",
    ),
    "half a UTF-16 character": (GERMAN.encode("utf-16")[:-1], "is not utf-16 text"),
    "a title line above the header": (
        "Sales report 2024\nuser,item\na,x\n",
        "cannot tell what separates its columns",
    ),
    "a sum below the rows": (
        "user,item,weight\na,x,1\nb,y,2\nTotal\n",
        "line 4: has 1 columns where the first line has 3",
    ),
    "a sum in the last row": ("user,item,weight\na,x,1\nb,y,2\n,,3\n", "line 4: no user: empty"),
    "no header": (
        "1001,7,5,1600000000\n1002,8,4,1600000001\n",
        "no column for data.user; it has no header: column_1 ('1001'), column_2 ('7')",
    ),
    "a separator in an unquoted cell": (
        "user,item,note\na,x,red, sweet\nb,y,z\n",
        "line 2: has 4 columns",
    ),
    "a column twice": ("user,item,item\na,x,y\nb,y,z\n", "the column 'item' stands twice"),
    "two columns of users": (
        "Customer,User,item\na,b,x\n",
        "user may be column 'Customer' or 'User'",
    ),
    "two columns of dates": (
        "user,item,Order Date,created_at\na,x,2024-01-01,2024-01-02\n",
        "time may be column 'Order Date' or 'created_at'",
    ),
    "no column of items": (
        "Kunde;Filiale\n1;2\n",
        "no column for data.item; it has 'Kunde', 'Filiale'",
    ),
    "thousands or decimals": (
        'user,item,weight\na,x,"1,234"\nb,y,"2,500"\n',
        "weight '1,234' may be 1234 (data.decimal=point) or 1.234 (data.decimal=comma)",
    ),
    "points or thousands": (
        "user;item;spend\na;x;1.234\nb;y;12\n",
        "spend '1.234' may be 1.234 (data.decimal=point) or 1234",
    ),
    "two decimal signs": (
        "user;item;weight\na;x;1.5\nb;y;2,5\n",
        "weight has both '1.5' (decimal point) and '2,5' (decimal comma)",
    ),
    "day or month": (
        "user,item,date\na,x,03/04/2025\nb,y,05/06/2025\n",
        "time '03/04/2025' may be 2025-04-03 (data.dates=dmy) or 2025-03-04 (data.dates=mdy)",
    ),
    "both orders": (
        "user,item,date\na,x,13/04/2025\nb,y,04/13/2025\n",
        "time has both '13/04/2025' and '04/13/2025'",
    ),
    "years of two digits": (
        "user,item,date\na,x,31.01.24\n",
        "time '31.01.24' may be 2024-01-31 (data.dates=dmy) or 2031-01-24",
    ),
    "a day that is none": (
        "user,item,date\na,x,30/01/2024\nb,y,31/02/2024\n",
        "line 3: time cannot be read",
    ),
    "an error of Excel": (
        "user,item,weight\na,x,1\nb,y,#VALUE!\n",
        "line 3: weight is no number: '#VALUE!'",
    ),
    "two currencies": (
        "user,item,spend\na,x,$12.50\nb,y,3.00 €\n",
        "spend has amounts of several currencies, '$12.50' and '3.00 €'; convert them to one",
    ),
    "no value": ("user,item,weight\na,x,1\nb,y,NULL\n", "line 3: weight is no number: 'NULL'"),
    "Korean": (
        "고객,상품\n김철수,사과\n".encode("euc-kr"),
        "it could be euc-kr ('고객,상품') or latin-1",
    ),
    "Russian": ("клиент;товар\nИван;яблоко\n".encode("cp1251"), "line 1: not UTF-8"),
    "zero bytes inside": (b"user,item\na,x\nb\0,y\n", "line 3: a zero byte"),
    "a broken pattern of lines": ("user\titem\na\tx\n\tb y\n", "line 3: no user"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.slow
def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path, kind):
    text, words = BAD[kind]
    assert words in refused(tmp_path, path=put(tmp_path, text), missing_ids="fail")


@pytest.mark.parametrize("kind", ["lists", "bytes", "spans", "hours"])
def test_parquet_columns_of_no_use_are_refused(tmp_path, kind):
    odd = {"lists": [["x"]], "bytes": [b"x"], "spans": [dt.timedelta(1)], "hours": [dt.time(1)]}[
        kind
    ]
    pl.DataFrame({"user": ["a"], "item": ["x"], "time": odd}).write_parquet(tmp_path / "t.parquet")
    words = "time cannot be read" if kind == "hours" else "column 'time' for data.time holds "
    assert words in refused(tmp_path, path=str(tmp_path / "t.parquet"))


def test_a_title_needs_a_column(tmp_path):
    path = put(tmp_path, "0 1 2\n1 2\n", "train.txt")
    assert "data.item_title=what" in refused(tmp_path, path=path, item_title="what")


# --- data check
# -------------------------------------------------------------------------------------------------


def command(text):
    line = text.splitlines()[-1]
    return shlex.split(line)


def test_check_proposes_a_command_that_reads_the_file_as_shown(tmp_path):
    path = put(tmp_path, GERMAN, "my orders.csv")
    text = inspect.check(path, NONE)
    assert command(text) == [
        "gnnseg", "train", path, "--user", "Kunden Nr", "--item", "Artikel", "--weight", "Menge",
        "--time", "Datum",
        "--spend", "Betrag", "--decimal", ",", "--dates", "dmy", "--returns", "subtract",
        "--item-title", "Bezeichnung",
    ]  # fmt: skip
    assert f"gnnseg train {shlex.quote(path)} --user 'Kunden Nr'" in text
    for part in (
        "separated by semicolon, 6 columns", "weight with decimal comma",
        "time read as day, month, year",
        "Kunden Nr    user       whole numbers  3",
        "1001       A1       Äpfel        2      31.01.2024        1.234,50",
        "1 row of negative weight", "every row can be read",
    ):  # fmt: skip
        assert part in text
    words = command(text)[3:]
    given = {
        key[2:].replace("-", "_"): value for key, value in zip(words[::2], words[1::2], strict=True)
    }
    assert len(raw(tmp_path, path=path, **given).events) == 3


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Kunde,Artikel,Preis", ("Kunde", "Artikel")),
        ("客户,商品,备注", ("客户", "商品")),
        ("client,article,magasin", ("client", "article")),
        ("cliente,producto,tienda", ("cliente", "producto")),
        ("клиент,товар,магазин", ("клиент", "товар")),
        ("顧客番号,商品番号,店", ("顧客番号", "商品番号")),
        ("고객번호,상품코드,가격", ("고객번호", "상품코드")),
        ("Customer,Customer ID,Product", ("Customer ID", "Product")),
        ("Product Code,Product,Client-No.", ("Client-No.", "Product Code")),
    ],
)
def test_names_are_known_in_many_languages(tmp_path, header, found):
    path = put(tmp_path, f"{header}\na,x,1\nb,y,2\na,y,3\n")
    words = command(inspect.check(path, NONE))
    assert (words[4], words[6]) == found
    assert raw(tmp_path, path=path).events.height == 3


def test_content_tells_where_no_name_does(tmp_path):
    rows = "".join(f"p{n % 5};g{n % 7};{n};2024-01-{1 + n % 28:02d}\n" for n in range(60))
    path = put(tmp_path, "Kunde;what;line;when\n" + rows)
    assert command(inspect.check(path, NONE))[3:] == [
        "--user",
        "Kunde",
        "--item",
        "what",
        "--time",
        "when",
    ]
    assert "no column for data.item" in refused(
        tmp_path, path=path
    )  # training never goes by content
    both = put(tmp_path, "who;what;line;when\n" + rows, "both.csv")
    with pytest.raises(
        InputError,
        match="user and item may each be column 'who' or 'what'; "
        "set data.user=COLUMN and data.item",
    ):
        inspect.check(both, NONE)
    assert command(inspect.check(both, {**NONE, "user": "who"}))[3:] == [
        "--user",
        "who",
        "--item",
        "what",
        "--time",
        "when",
    ]
    assert command(inspect.check(path, {**NONE, "time": ""}))[-2:] == ["--time", ""]
    three = put(
        tmp_path,
        "Kunde;what;which;line\n" + rows.replace("2024-01-", "s").replace(";s", ";t"),
        "three.csv",
    )
    with pytest.raises(InputError, match="item may be column 'what' or 'line'"):
        inspect.check(three, NONE)


def test_check_of_several_files_and_the_tables_beside(tmp_path):
    head = "user,item\n"
    one, two = put(tmp_path, head + "a,x\nb,y\n", "1.csv"), put(tmp_path, head + "a,y\n", "2.csv")
    users = put(tmp_path, "id,age\na,30\nz,31\n", "users.csv")
    items = put(tmp_path, "id,label\nx,Pear\n", "items.csv")
    text = inspect.check(
        [one, two], NONE, users=users, items=items, item_title="label", encoding="latin-1"
    )
    assert "3 events of 2 users and 2 items" in text
    assert "users.csv: knows 1 of 2 users by column 'id'; attributes: age" in text
    assert command(text)[2:] == [
        one,
        two,
        "--user",
        "user",
        "--item",
        "item",
        "--encoding",
        "latin-1",
        "--users",
        users,
        "--items",
        items,
        "--item-title",
        "label",
    ]


def test_check_finds_the_titles_of_a_table_of_items(tmp_path):
    path = put(tmp_path, "user,item\na,x\nb,y\n")
    items = put(tmp_path, "sku,title,price\nx,Pear,1\ny,Tea,2\n", "items.csv")
    assert command(inspect.check(path, NONE, items=items))[-4:] == [
        "--items",
        items,
        "--item-title",
        "title",
    ]


def test_check_takes_the_format_it_asks_for(tmp_path):
    path = put(tmp_path, "0 1 2\n1 2 3\n2 1 3\n", "t.txt")
    with pytest.raises(InputError, match="data.format=lightgcn"):
        inspect.check(path, NONE)
    assert command(inspect.check(path, NONE, format="lightgcn"))[-2:] == ["--format", "lightgcn"]


def test_rows_that_cannot_be_read_and_odd_cells_are_shown(tmp_path):
    text = inspect.check(
        put(tmp_path, 'user,item,note\na,x,"two\nlines"\n,y,z\nb,x,' + "w" * 99 + "\n"),
        NONE,
        on_error="drop",
    )
    assert "a     x     two·lines" in text
    assert "1 × no user (first: orders.csv, line 4: empty)" in text
    assert "w" * 27 + "…" in text
    assert "--on-error" not in command(text)
    rows = "".join(f"u{n % 7},x{n % 5}\n" for n in range(200))
    path = put(tmp_path, f"user,item\n{rows} b,y\n", "blanks.csv")
    assert command(inspect.check(path, NONE))[-2:] == ["--on-error", "drop"]


def test_tables_are_aligned_with_wide_characters():
    assert layout.aligned([["客户", "b"], ["x", "y"]]) == ["客户  b", "x     y"]


def test_no_name_serves_two_roles():
    sets = [*columns.USUAL.values(), columns.TITLES]
    assert sum(map(len, sets)) == len(frozenset().union(*sets))
    assert all(columns.simple(name) == name for names in sets for name in names)


# --- size -----------------------------------------------------------------------------------------
# --------------


def test_blank_lines_by_the_thousand_are_left_out(tmp_path):
    found = raw(
        tmp_path,
        path=put(tmp_path, "user,item\n" + "a,x\n\n" * 3000 + "\r\n" * 3000 + " ,y\n"),
        on_error="drop",
    )
    assert len(found.events) == 3000
    assert found.rejected_examples == {"no user": "orders.csv, line 9002: ' '"}


def test_only_the_columns_that_serve_are_read(tmp_path):
    head = ",".join(["user", *[f"c{n}" for n in range(50)], "item"]) + "\n"
    rows = "".join(f"u{n % 3}," + "x," * 50 + f"i{n % 4}\n" for n in range(2000))
    found = separators.read(Path(put(tmp_path, head + rows)), NONE)
    assert found.sheet.frame.columns == ["user", "item"]
    assert (len(found.names), len(found.sheet.frame)) == (52, 2000)
    assert found.sheet.frame["item"].to_list()[:5] == ["i0", "i1", "i2", "i3", "i0"]


def test_a_note_of_excels_is_heeded(tmp_path):
    found = raw(
        tmp_path, path=put(tmp_path, "sep=;\r\nuser;item\r\na,b;x\r\n;y\r\n"), on_error="drop"
    )
    assert found.events.rows() == [("a,b", "x")]
    assert found.rejected_examples == {"no user": "orders.csv, line 4: empty"}


def test_a_long_cell_is_cut_in_a_sentence(tmp_path):
    text = refused(tmp_path, path=put(tmp_path, "user,item,weight\na,x," + "w" * 9999 + "\n"))
    assert "line 2: weight is no number: '" + "w" * 60 + "…'; mend it" in text


def test_named_columns_tell_the_separator(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text("Kunde;Artikel, Nr\nA;x,1\nB;y,2\n", "utf-8")
    with pytest.raises(InputError, match="comma or semicolon"):
        separators.read(path, {})
    found = separators.read(path, {"user": "Kunde", "item": "Artikel, Nr"})
    assert found.sheet.frame.rows() == [("A", "x,1"), ("B", "y,2")]


# --- each file its own form
# ------------------------------------------------------------------------------------------------


def test_months_of_two_programs_are_one_table(tmp_path):
    """Their own separator, encoding, decimal sign and header; what is typed serves where it can."""
    one = put(tmp_path, "user;item;qty\nZoë;x;1,5\nb;y;2,25\n".encode("utf-16"), "m1.csv")
    two = put(tmp_path, "item,qty,user\nx,1.5,Zoë\ny,1000.25,b\n", "m2.csv")
    rows = [("Zoë", "x", 1.5), ("b", "y", 2.25), ("Zoë", "x", 1.5), ("b", "y", 1000.25)]
    for separator in (None, ",", "semicolon"):
        found = raw(tmp_path, path=[one, two], separator=separator)
        assert found.events.rows() == rows
    assert "weight with decimal comma" in found.notes["read"][0]
    assert inspect.check([one, two], NONE).endswith("--user user --item item --weight qty")
    bad = put(tmp_path, "user;item;qty\na;x;1,5\nb;y;many\n", "m3.csv")
    assert "m3.csv, line 3: weight is no number: 'many'" in refused(tmp_path, path=[bad, two])
