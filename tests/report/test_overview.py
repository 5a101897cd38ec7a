"""The table of segments for pages: from the file, from a folder of before; what is not shown."""

import polars as pl
import pytest

from gnnseg.report import amounts, overview


def of(people):
    empty = {name: [None] * len(people) for name in overview.COLUMNS}
    columns = {"segment": range(1, len(people) + 1), "people": people}
    return pl.DataFrame({**empty, **columns}, schema=overview.COLUMNS)


@pytest.mark.parametrize(
    ("people", "hidden"),
    [
        ([50, 20, 10], set()),
        ([50, 20, 9], {2, 3}),  # 79 less 50 less 20 would be the 9
        ([50, 9, 3], {2, 3}),
        ([50, 20, 0], set()),  # nobody is no one to be found
        ([4], {1}),
        ([9, 9, 9], {1, 2, 3}),
    ],
)
def test_no_group_below_ten_is_shown_nor_can_be_reckoned(people, hidden):
    assert overview.hidden(of(people), people=False) == hidden
    assert overview.hidden(of(people), people=True) == set()


def test_the_file_is_read_as_it_stands(full_run):
    path, _ = full_run()
    table = overview.read(path)
    assert table.equals(pl.read_parquet(path / "summary.parquet"))
    assert overview.names(table)[5] == "Segment 5"  # nobody named it
    older = pl.read_parquet(path / "summary.parquet").drop("trend", "sure")
    older.write_parquet(path / "summary.parquet")
    assert overview.read(path)["trend"].null_count() == len(table)


def test_a_folder_of_before_says_what_it_can(make_run):
    path, _ = make_run(users=40)
    table = overview.read(path)
    groups = pl.read_parquet(path / "groups.parquet")
    assert table["people"].to_list() == groups["size"].to_list()
    assert table["share"].sum() == pytest.approx(1)
    assert table["telling"][0][0] == "<script>"
    assert table["revenue"].null_count() == 3
    assert len(overview.read(make_run("dot", name="dot")[0])) == 0


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (amounts.percent(0.0), "0%"),
        (amounts.percent(0.0123), "1.2%"),
        (amounts.percent(0.5), "50%"),
        (amounts.percent(None), "–"),
        (amounts.money(1234567.8, "USD"), "$1.23M"),
        (amounts.money(9.5, "EUR"), "€9.50"),
        (amounts.money(-9.5, "CHF"), "−9.50 CHF"),
        (amounts.money(-9.5, "USD"), "−$9.50"),
        (amounts.money(1234.5, None), "1,234"),
        (amounts.money(float("nan"), "USD"), "–"),
        (amounts.trend(0.123), "+12%"),
        (amounts.trend(-0.5), "−50%"),
        (amounts.trend(0.001), "0%"),
        (amounts.change(-1200), "−1,200"),
        (amounts.change(0), "0"),
        (amounts.change(None), "–"),
        (amounts.figure(3.14159), "3.14"),
        (amounts.count(12345.0), "12,345"),
    ],
)
def test_amounts_as_people_read_them(said, expected):
    assert said == expected
