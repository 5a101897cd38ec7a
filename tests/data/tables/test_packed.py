"""Packed files: whatever packed them, the table in them is read."""

import bz2
import gzip
import io
import lzma
import zipfile

import pytest

from gnnseg.data.tables import separators
from gnnseg.types import InputError

NONE = dict.fromkeys(("user", "item", "weight", "time", "spend"))
TEXT = b"user,item\na,x\nb,y\n"


def zipped(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


PACKED = {
    "gzip": gzip.compress(TEXT),
    "bzip2": bz2.compress(TEXT),
    "xz": lzma.compress(TEXT),
    "zip": zipped(**{"orders.csv": TEXT}),
    "zip of macOS": zipped(**{"orders.csv": TEXT, "__MACOSX/._orders.csv": b"x"}),
    "zip of JSON": zipped(
        **{"orders.json": b'{"user": "a", "item": "x"}\n{"user": "b", "item": "y"}\n'}
    ),
}


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("name", ["t.csv", "t.csv.packed"])
def test_what_is_packed_is_read(tmp_path, kind, name):
    path = tmp_path / name
    path.write_bytes(PACKED[kind])
    found = separators.read(path, NONE)
    assert found.sheet.frame.rows() == [("a", "x"), ("b", "y")]
    assert "packed by" in found.note


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            zipped(**{"a.csv": TEXT, "b.csv": TEXT}),
            "a zip archive of 2 files (a.csv, b.csv); unpack it",
        ),
        (zipped(**{"a/": b""}), "a zip archive of 0 files"),
        (zipped(**{"a.csv": b""}), "the file packed in it is empty"),
        (zipped(**{"a.csv": TEXT})[:40], "cannot be unpacked"),
        (bz2.compress(TEXT)[:-4], "packed by bzip2 and broken"),
        (lzma.compress(TEXT)[:-4], "packed by xz and broken"),
        (lzma.compress(b""), "the file packed in it is empty"),
    ],
    ids=["two files", "no file", "empty", "cut zip", "cut bzip2", "cut xz", "empty xz"],
)
def test_what_cannot_be_unpacked_is_one_sentence(tmp_path, data, words):
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        separators.read(path, NONE)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
