"""Whatever bytes come, the readers give a table or one sentence; what csv wrote is read back
exactly or refused.

``experiments/parsers`` does the same with a hundred thousand inputs (GNNSEG_FUZZ: how many of each
kind).
"""

import contextlib
import csv
import io
import os

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gnnseg.data.tables import fields, identifiers, separators
from gnnseg.data.tables.settings import FileSettings
from gnnseg.types import InputError

NONE = dict.fromkeys(fields.ROLES)
MANY = int(os.environ.get("GNNSEG_FUZZ", "0"))
PIECES = st.sampled_from(
    [b'"', b",", b";", b"\t", b"\n", b"\r\n", b"\r", b" ", b"::", b"user", b"item", b"user,item\n",
     b"time", b"weight", b"1", b"-2", b"1,5",
     b"1.234", b"nan", b"2024-01-31", b"31/01/2024", b"03/04/05", b"\0", "客户".encode(),
     "客户".encode("gb18030"), b"\xe9", b"\xff\xfe",
     b"\xef\xbb\xbf", b"\x1f\x8b", b"sep=;", b"user_id:token\titem_id:token\n"]
)  # fmt: skip
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def where(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@settings(max_examples=MANY or 400, deadline=None)
@given(
    data=st.one_of(st.binary(max_size=80), st.lists(PIECES, max_size=30).map(b"".join)),
    name=st.sampled_from(["t.csv", "t.csv", "t.dat", "t.inter", "t.parquet"]),
    encoding=st.sampled_from([None, None, "utf-8", "utf-16", "gb18030", "latin-1"]),
    guess=st.booleans(), drop=st.booleans(), returns=st.sampled_from([None, "keep", "drop"]),
)  # fmt: skip
@example(b"\x1f\x8b\x08\x00" + b"\0" * 20, "t.csv", None, False, False, None)
@example(b"user,item\n" + b"\r", "t.csv", None, False, False, None)
def test_any_bytes_give_a_table_or_a_sentence(where, data, name, encoding, guess, drop, returns):
    path = where / name
    path.write_bytes(data)
    try:
        found = separators.read(path, NONE, FileSettings(encoding=encoding), guess=guess)
        events = fields.events(found.sheet, found.columns, drop=drop, returns=returns)
    except InputError as error:
        events, sentence = None, str(error)
    assert "\n" not in sentence if events is None else events.frame["user"].null_count() == 0


@settings(max_examples=MANY or 150, deadline=None)
@given(
    rows=st.lists(
        st.tuples(TEXT, TEXT, st.decimals(-99999, 99999, places=2).map(float)),
        min_size=1,
        max_size=8,
    ),
    separator=st.sampled_from(",;\t|"),
    ends=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(
        ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "latin-1", "big5"]
    ),
    comma=st.booleans(),
)
@example([("0", "Â¡", 0.0)], ",", "\n", csv.QUOTE_MINIMAL, "latin-1", False)
@pytest.mark.slow
def test_a_written_table_is_read_back_exactly_or_refused(
    where, rows, separator, ends, quoting, encoding, comma
):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator=ends, quoting=quoting)
    writer.writerow(["user", "item", "weight"])
    writer.writerows((u, i, f"{w:.2f}".replace(".", "," if comma else ".")) for u, i, w in rows)
    try:
        data = out.getvalue().encode(encoding)
    except UnicodeEncodeError:
        return
    path = where / "written.csv"
    path.write_bytes(data)
    try:
        found = separators.read(path, NONE)
        events = fields.events(found.sheet, found.columns, drop=False, missing_ids="keep")
    except InputError:
        events = None
    texts = [[row[place] for row in rows] for place in (0, 1)]
    if encoding in ("gb18030", "latin-1", "big5"):
        with contextlib.suppress(UnicodeDecodeError):  # what is UTF-8 too is read as UTF-8
            data.decode("utf-8")
            texts = [[cell.encode(encoding).decode("utf-8") for cell in cells] for cells in texts]
    ids = [identifiers.read(pl.Series(cells)) for cells in texts]
    if events is None:
        lost = any(len(read.lost) for read in ids)
        assert lost or encoding in ("gb18030", "latin-1", "big5")
        return
    weights = [row[2] for row in rows]
    assert events.frame.rows() == list(zip(ids[0].ids, ids[1].ids, weights, strict=True))
