"""Workbooks as Excel writes them, here by hand: sheets, headers, types, and what is refused."""

import sys
import zipfile

import pytest

from gnnseg.data.tables import fields, separators
from gnnseg.data.tables.settings import FileSettings
from gnnseg.types import InputError

NONE = dict.fromkeys(("user", "item", "weight", "time", "spend"))
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
HEADER = ["Customer ID", "StockCode", "Quantity", "InvoiceDate"]
ROWS = [
    [13085.0 + n % 7, "85123A" if n % 2 else 71053, 1 + n % 3, ("day", 40183.5 + n)]
    for n in range(30)
]


def cell(value):
    if value is None:
        return ""
    if isinstance(value, tuple):
        return f'<c s="1"><v>{value[1]}</v></c>'
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
    return f"<c><v>{value}</v></c>"


def workbook(path, **sheets):
    """Write the least that is a workbook; a pair ('day', number) is a date."""
    names = list(sheets)
    with zipfile.ZipFile(path, "w") as book:
        parts = "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" '
            f'ContentType="{TYPES}.worksheet+xml"/>'
            for n in range(len(names))
        )
        book.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" ContentType='
            '"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName='
            f'"/xl/workbook.xml" ContentType="{TYPES}.sheet.main+xml"/><Override PartName='
            f'"/xl/styles.xml" ContentType="{TYPES}.styles+xml"/>{parts}</Types>',
        )
        book.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r" '
            f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        listed = "".join(
            f'<sheet name="{name}" sheetId="{n + 1}" r:id="r{n}"/>' for n, name in enumerate(names)
        )
        book.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{listed}</sheets></workbook>',
        )
        linked = "".join(
            f'<Relationship Id="r{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n in range(len(names))
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{PACKAGE}/relationships">{linked}<Relationship Id="s" '
            f'Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>',
        )
        book.writestr(
            "xl/styles.xml",
            f'<styleSheet xmlns="{MAIN}"><cellXfs count="2"><xf numFmtId="0"/>'
            '<xf numFmtId="22" applyNumberFormat="1"/></cellXfs></styleSheet>',
        )
        for n, rows in enumerate(sheets.values()):
            cells = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
            book.writestr(
                f"xl/worksheets/sheet{n}.xml",
                f'<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData></worksheet>',
            )
    return path


def events(path, how=None, **columns):
    found = separators.read(path, {**NONE, **columns}, how or FileSettings())
    return fields.events(found.sheet, found.columns, drop=False).frame


@pytest.mark.parametrize("name", ["t.xlsx", "t.csv"])
def test_the_only_sheet_with_rows_is_read(tmp_path, name):
    pytest.importorskip("fastexcel")
    path = workbook(tmp_path / name, Data=[HEADER, *ROWS], Empty=[])
    found = events(path)
    assert len(found) == 30
    assert found.row(0)[:3] == ("13085", "71053", 1.0)
    assert found.row(1)[1] == "85123A"
    assert found["time"][0] == 1262692800.0  # 2010-01-05 12:00
    assert "workbook, sheet 'Data', 30 rows" in separators.read(path, NONE).note


def test_several_sheets_are_asked_about(tmp_path):
    pytest.importorskip("fastexcel")
    path = workbook(tmp_path / "t.xlsx", A=[HEADER, *ROWS], B=[HEADER, *ROWS[:3]])
    with pytest.raises(InputError, match="2 sheets hold rows: 'A', 'B'; set data.sheet=NAME"):
        events(path)
    assert len(events(path, FileSettings(sheet="B"))) == 3
    found = separators.read(path, NONE, FileSettings(sheet="*")).sheet
    assert len(found.frame) == 33
    assert found.where(31, short=True) == "t.xlsx, row 3"
    assert events(path, FileSettings(sheet="*"))["user"].to_list() == [
        *events(path, FileSettings(sheet="A"))["user"],
        *events(path, FileSettings(sheet="B"))["user"],
    ]
    other = workbook(tmp_path / "o.xlsx", A=[HEADER, *ROWS], B=[["a", "b"], ["x", "y"]])
    with pytest.raises(InputError, match="has other columns than the first sheet"):
        events(other, FileSettings(sheet="*"))
    with pytest.raises(InputError, match="no sheet 'C' for data.sheet; it has 'A', 'B'"):
        events(path, FileSettings(sheet="C"))


def test_a_sheet_without_a_header_keeps_its_first_row(tmp_path):
    pytest.importorskip("fastexcel")
    path = workbook(tmp_path / "t.xlsx", A=ROWS)
    assert len(events(path, user="column_1", item="column_2")) == 30


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"])
def test_without_its_reader_a_sentence_says_what_to_install(tmp_path, monkeypatch, start):
    monkeypatch.setitem(sys.modules, "fastexcel", None)
    path = workbook(tmp_path / "t.xlsx", A=[HEADER, *ROWS])
    if start != b"PK\x03\x04":
        path.write_bytes(start + bytes(600))
    with pytest.raises(InputError, match=r"pip install 'gnnseg\[excel\]', or export the sheet"):
        separators.read(path, NONE)


def test_a_broken_workbook_is_one_sentence(tmp_path):
    pytest.importorskip("fastexcel")
    path = tmp_path / "t.xls"
    path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(600))
    with pytest.raises(InputError, match="cannot be read as a workbook") as caught:
        separators.read(path, NONE)
    assert "\n" not in str(caught.value)
