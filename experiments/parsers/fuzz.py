"""Do the readers of people's files ever crash, or read a well-formed table wrongly?

Half of the inputs are junk (random bytes, tables with bytes flipped, cut or thrown in): they give a
table or one sentence. Half are tables written by Python's csv in a random dialect, encoding,
decimal sign and form of date: they are read back exactly or refused. Writes results.json beside
this file: inputs, seconds, refusals by kind, crashes, wrong readings.

    python experiments/parsers/fuzz.py [N] [SEED]
"""

from __future__ import annotations

import collections
import csv
import datetime as dt
import gzip
import io
import json
import random
import re
import sys
import tempfile
import time
from pathlib import Path

from gnnseg.data.tables import fields, separators
from gnnseg.types import InputError

NONE = dict.fromkeys(fields.ROLES)
TOKENS = [
    b'"', b'""', b",", b";", b"\t", b"|", b"::", b"\n", b"\r\n", b"\r", b"\0", b" ", b"user",
    b"item", b"time", b"weight",
    b"user,item,weight,time", b"1", b"-1", b"1,5", b"1.234", b"nan", b"1e999", b"2024-01-31",
    b"31/01/2024", b"03/04/05",
    b"1600000000", b"99999999999999999999", "客户".encode(), "客户,商品".encode("gb18030"),
    "é".encode("latin-1"), b"\xff\xfe",
    b"\xef\xbb\xbf", b"\x1f\x8b", b"PAR1", b"\x1f", "2024年1月31日".encode(), b"31-Jan-24 11:59 PM",
    b"user_id:token\titem_id:token",
]  # fmt: skip
NAMES = [
    "Ann",
    "Bo Ek",
    "José",
    "Zoë",
    "李明",
    "王芳",
    "苹果",
    "牛奶,全脂",
    "naïve; café",
    'say "hi"',
    "O'Neil",
    "x|y",
    "Пётр",
    "00123",
    "7",
    "a\tb",
    "김철수",
    "-",
    "NULL",
    "1.5",
]
FORMS = {
    "seconds": lambda t: str(int(t.timestamp())),
    "iso": lambda t: t.strftime("%Y-%m-%d %H:%M:%S"),
    "isoT": lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "dmy": lambda t: t.strftime("%d/%m/%Y %H:%M:%S"),
    "mdy": lambda t: t.strftime("%m/%d/%Y %I:%M:%S %p"),
    "dots": lambda t: t.strftime("%d.%m.%Y %H:%M:%S"),
    "short": lambda t: t.strftime("%d-%m-%y %H:%M:%S"),
    "named": lambda t: t.strftime("%d-%b-%Y %H:%M:%S"),
    "american": lambda t: t.strftime("%B %d, %Y %I:%M:%S %p"),
    "hanzi": lambda t: f"{t.year}年{t.month}月{t.day}日 {t:%H:%M:%S}",
    "loose": lambda t: f"{t.year}/{t.month}/{t.day} {t.hour}:{t:%M:%S}",
}
DECIMALS = {
    "point": lambda w: f"{w}",
    "comma": lambda w: f"{w}".replace(".", ","),
    "grouped point": lambda w: f"{w:,}",
    "grouped comma": lambda w: f"{w:,}".replace(",", " ").replace(".", ",").replace(" ", "."),
}
ENCODINGS = [
    *["utf-8"] * 12,
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "gb18030",
    "latin-1",
    "big5",
    "euc-kr",
    "shift-jis",
    "cp1251",
]


def junk(rng: random.Random) -> bytes:
    """Bytes that are no table, or hardly one."""
    kind = rng.random()
    if kind < 0.1:
        return rng.randbytes(rng.randrange(200))
    if kind < 0.4:
        tokens = (
            TOKENS
            if rng.random() < 0.3
            else [token for token in TOKENS if token.isascii() and token != b"\0"]
        )
        return b"user,item\n" * rng.randrange(2) + b"".join(
            rng.choice(tokens) for _ in range(rng.randrange(60))
        )
    data = bytearray(table(rng)[0])
    for _ in range(rng.randrange(1, 6)):
        place = rng.randrange(len(data) + 1)
        act = rng.randrange(4)
        if act == 0:
            data[place : place + 1] = (
                rng.randbytes(1) if rng.random() < 0.2 else bytes([rng.randrange(32, 127)])
            )
        elif act == 1:
            data[place:place] = rng.choice(TOKENS)
        elif act == 2:
            del data[place : place + rng.randrange(8)]
        else:
            del data[place:]
    return bytes(data)


def table(rng: random.Random) -> tuple[bytes, list[tuple[str, str, float, float]]]:
    """A well-formed table as csv writes it, and what it says."""
    encoding, form = rng.choice(ENCODINGS), rng.choice(list(FORMS))
    fits = [name for name in NAMES if _encodes(name, encoding)]
    start = dt.datetime(2019, 1, 1, tzinfo=dt.UTC)
    rows = []
    for _ in range(rng.randrange(1, 30)):
        moment = start + dt.timedelta(seconds=rng.randrange(150_000_000))
        weight = rng.choice(
            [
                float(rng.randrange(1, 9)),
                rng.randrange(1, 10**7) / 100,
                rng.randrange(1, 10**6) / 1000,
            ]
        )
        rows.append((rng.choice(fits), rng.choice(fits), weight, moment))
    whole = rng.random() < 0.3
    decimal = rng.choice(list(DECIMALS))
    out = io.StringIO()
    writer = csv.writer(
        out, delimiter=rng.choice(",;\t|"), lineterminator=rng.choice(["\n", "\r\n"]),
        quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    )  # fmt: skip
    writer.writerow(["user", "item", "weight", "time"])
    expected = []
    for user, item, weight, moment in rows:
        weight = float(int(weight) + 1) if whole else weight
        shown = int(weight) if whole else weight
        writer.writerow([user, item, DECIMALS[decimal](shown), FORMS[form](moment)])
        expected.append((user, item, weight, moment.timestamp()))
    text = out.getvalue()
    try:
        data = text.encode(encoding)
    except UnicodeError:  # the date's hanzi
        data = text.encode("utf-8")
    return gzip.compress(data, mtime=0) if rng.random() < 0.05 else data, expected


def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeError:
        return False
    return True


def read(path: Path, rng: random.Random) -> fields.ReadEvents:
    found = separators.read(path, NONE, guess=rng.random() < 0.3)
    returns = rng.choice(["keep", "drop", None])
    return fields.events(found.sheet, found.columns, drop=rng.random() < 0.3, returns=returns)


def reason(error: InputError, path: Path) -> str:
    """A refusal without the particulars."""
    words = str(error).replace(str(path), "FILE")
    words = re.sub(r"'[^']*'|\"[^\"]*\"|\([^)]*\)|0x\w+|\d[\d,.]*", "…", words).split(";")[0]
    return words[:70]


def run(inputs: int, seed: int, folder: Path) -> dict[str, object]:
    rng = random.Random(seed)
    refusals: collections.Counter[str] = collections.Counter()
    read_, crashes, wrong, exact = collections.Counter(), [], [], 0
    began = time.perf_counter()
    for number in range(inputs):
        well_formed = number % 2 == 1
        data, expected = table(rng) if well_formed else (junk(rng), [])
        name = (
            "t.csv"
            if well_formed or rng.random() < 0.8
            else rng.choice(["t.tsv", "t.dat", "t.inter", "t.parquet"])
        )
        path = folder / name
        path.write_bytes(data)
        try:
            events = read(path, rng)
        except InputError as error:
            refusals[("table: " if well_formed else "junk: ") + reason(error, path)] += 1
            if "\n" in str(error) or len(str(error)) > 1500:
                crashes.append([number, f"no sentence: {error}"])
            continue
        except Exception as error:
            crashes.append([number, f"{type(error).__name__}: {error}"[:300]])
            continue
        read_["tables" if well_formed else "junk"] += 1
        if well_formed:
            got = (
                events.frame.select("user", "item", "weight", "time").rows()
                if events.frame.width == 4
                else []
            )
            if got == expected:
                exact += 1
            else:
                wrong.append(
                    [
                        number,
                        repr(
                            next(
                                (p for p in zip(got, expected) if p[0] != p[1]),
                                (len(got), len(expected)),
                            )
                        ),
                    ]
                )
    return {
        "inputs": inputs, "seed": seed, "seconds": round(time.perf_counter() - began, 1),
        "crashes": len(crashes),
        "wrong readings": len(wrong), "tables read exactly": exact, "read": dict(read_),
        "refused": sum(refusals.values()), "refusals": dict(refusals.most_common(80)),
        "first crashes": crashes[:10],
        "first wrong": wrong[:10],
    }  # fmt: skip


def main() -> None:
    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with tempfile.TemporaryDirectory() as folder:
        result = run(inputs, seed, Path(folder))
    if inputs >= 10_000:
        Path(__file__).with_name("results.json").write_text(
            json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8"
        )
    print(json.dumps(result, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
