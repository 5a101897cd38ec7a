"""Encodings are detected by marks and by what the bytes can be; what may be two is asked about."""

import gzip

import pytest

from gnnseg.data.tables import encodings, formats
from gnnseg.types import InputError

PEOPLE = ["张伟", "王芳", "李娜", "刘洋", "陈静", "杨磊", "赵敏", "黄勇"]
GOODS = ["苹果", "牛奶", "面包", "洗发水", "笔记本", "电风扇", "茶叶", "运动鞋"]
CHINESE = "客户,商品,数量\n" + "".join(f"{a},{b},1\n" for a, b in zip(PEOPLE, GOODS, strict=True))
KOREAN = "고객,상품\n" + "".join(
    f"{a},{b}\n"
    for a, b in zip(["김철수", "이영희", "박민수"], ["사과", "우유", "샴푸"], strict=True)
)
TAIWAN = "客戶,商品\n張偉,蘋果\n劉洋,麵包\n"
JAPANESE = "顧客,商品\n田中,りんご\n鈴木,シャンプー\n"
RUSSIAN = "клиент;товар\nИван;яблоко\nПётр;молоко\n"
FRENCH = "client;article\nRené;crème brûlée\nZoë;pâté\n"


def put(folder, data, name="t.csv"):
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        (CHINESE, "utf-8", ("UTF-8",)),
        (CHINESE, "utf-8-sig", ("UTF-8 with a byte order mark",)),
        (CHINESE, "utf-16", ("UTF-16",)),
        (CHINESE, "utf-16-le", ("UTF-16 without a byte order mark",)),
        (CHINESE, "utf-16-be", ("UTF-16 without a byte order mark",)),
        (CHINESE, "gb18030", ("GB18030 (Chinese)",)),
        (CHINESE, "gbk", ("GB18030 (Chinese)",)),
        (FRENCH, "utf-16", ("UTF-16",)),
        (CHINESE.replace("\n", "\r\n"), "gb18030", ("GB18030 (Chinese)", "CRLF line ends")),
        (CHINESE.replace("\n", "\r"), "utf-16", ("UTF-16", "CR line ends")),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_can_be_detected_is_detected_and_noted(tmp_path, text, encoding, said, packed):
    data = text.encode(encoding)
    found = formats.text(put(tmp_path, gzip.compress(data) if packed else data), None)
    assert found.data.decode() == (text.replace("\r", "\n") if "CR line ends" in said else text)
    assert found.notes == (("packed by gzip",) if packed else ()) + said


@pytest.mark.parametrize("chunk", [1, 3, 7, 64])
def test_chunks_do_not_cut_characters(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(encodings, "CHUNK", chunk)
    for encoding in ("utf-8", "gb18030", "utf-16"):
        assert formats.text(put(tmp_path, CHINESE.encode(encoding)), None).data.decode() == CHINESE
    with pytest.raises(InputError, match=r"line 2: not UTF-8 \(byte 0xc3\)"):
        formats.text(put(tmp_path, "ä,b\nxé".encode()[:-1]), "utf-8")


@pytest.mark.parametrize(
    ("text", "encoding", "readings"),
    [
        (KOREAN, "euc-kr", ["euc-kr ('고객,상품')", "latin-1"]),
        (TAIWAN, "big5", ["big5 ('客戶,商品')", "latin-1"]),
        (JAPANESE, "shift-jis", ["shift-jis ('顧客,商品')"]),
        (JAPANESE, "euc-jp", ["euc-jp ('顧客,商品')"]),
        ("客户,1\n2,3\n", "gb18030", ["gb18030 ('客户,1')", "big5", "euc-kr", "latin-1"]),
    ],
)
def test_what_could_be_two_is_asked_about(tmp_path, text, encoding, readings):
    with pytest.raises(
        InputError, match="line 1: not UTF-8, and it could be .*; set data.encoding"
    ) as caught:
        formats.text(put(tmp_path, text.encode(encoding)), None)
    for reading in readings:
        assert reading in str(caught.value)
    assert "\n" not in str(caught.value)
    assert formats.text(put(tmp_path, text.encode(encoding)), encoding).data.decode() == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r"), (FRENCH, "latin-1"), (FRENCH, "cp1252")],
)
def test_one_byte_encodings_are_never_guessed(tmp_path, text, encoding):
    with pytest.raises(InputError, match=r"not UTF-8 \(byte 0x..\)"):
        formats.text(put(tmp_path, text.encode(encoding)), None)


def test_characters_far_down_are_found(tmp_path):
    plain = "user,item\n" + "a,b\n" * 400_000
    assert formats.text(put(tmp_path, (plain + CHINESE).encode("gb18030")), None).notes == (
        "GB18030 (Chinese)",
    )
    with pytest.raises(InputError, match="line 400002: not UTF-8"):
        formats.text(put(tmp_path, (plain + "René,x\n").encode("latin-1")), None)


@pytest.mark.parametrize("name", ["martian", "hex", "rot13", "a\0b", ""])
def test_names_of_no_text_encoding_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="no such encoding"):
        formats.text(put(tmp_path, b"a,b\n1,2\n"), name)
