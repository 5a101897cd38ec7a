"""Lists of item ids in files: quoted, with a header or without, of one column or several."""

import polars as pl
import pytest

from gnnseg.data.tables import id_lists

KNOWN = pl.Series(["P001", "P002", "P003", "7"])


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ('"P001"\n"P002"\n', ["P001", "P002"]),
        ("P001\nP002\n", ["P001", "P002"]),
        ("\ufeffsku\r\nP001\r\n", ["P001"]),
        ("item\nP001\n\nP009\n", ["P001", "P009"]),
        ('"Artikel Nr"\n"P001"\n', ["P001"]),
        ("P001,Pear\nP002,Fig\n", ["P001", "P002"]),
        ("stock;article\n5;P001\n6;P002\n", ["P001", "P002"]),
        ("name,id\nP003,P001\n", ["P001"]),
        ("7.0\n", ["7"]),
        ("unknown\nP001\n", ["unknown", "P001"]),
    ],
)
def test_a_list_is_read(tmp_path, text, ids):
    path = tmp_path / "list.csv"
    path.write_text(text, "utf-8")
    assert id_lists.read(path, KNOWN) == ids


def test_a_list_in_parquet_is_read(tmp_path):
    path = tmp_path / "list.parquet"
    pl.DataFrame({"n": [1.0, 2.0], "sku": ["P001", "P002"]}).write_parquet(path)
    assert id_lists.read(path, KNOWN) == ["P001", "P002"]
