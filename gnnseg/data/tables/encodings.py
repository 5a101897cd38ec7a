"""Which characters a file's bytes are: detected by marks and by what the bytes can be.

Where two readings fit, an InputError asks.
"""

from __future__ import annotations

import codecs
import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gnnseg.types import InputError, Setting

CHUNK = 1 << 23
SAMPLE = 1 << 20  # bytes whose characters are looked at
ENOUGH = 4  # hanzi below which GB18030 is never detected
MARKS = (  # how files begin that say their encoding themselves
    (codecs.BOM_UTF8, "utf-8", "UTF-8 with a byte order mark"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
COMMON = frozenset(  # hanzi that make up most of any Chinese table, of language and of trade
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同"
    "现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很"
    "最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走"
    "义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马"
    "科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运"
    "笔客户商订单购买卖价额付款支时间编号货码款邮箱地址电话姓名性别省市县街楼室店铺会员等级积分优惠券折扣折满减包快递物流签收退换评论星好差库存销"
    "售进价成本毛利润率季周晨晚男女装鞋帽衣裤裙衫袜包箱饰表手机脑耳线充电器屏镜灯家具床桌椅柜沙发杯碗盘锅刀厨房洗护肤面膜霜露香水口红眼影牙膏刷纸"
    "巾婴童玩具食品零食饼干糖果巧克力茶叶咖啡牛奶酒饮料米粉油盐酱醋鸡鸭鱼肉蛋蔬菜水果苹香蕉橙梨桃瓜葡萄草莓书籍本笔文具办公用纸袋套盒瓶罐件双只条"
    "张台部辆红橙黄绿青蓝紫黑白灰粉棕银金色大中小号码寸斤克升米厘毫李王张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭"
    "吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊陆孔白崔康毛邱秦江史顾侯邵孟龙段雷钱汤尹黎易常武乔贺赖龚文伟芳娜秀英敏静丽强磊军洋"
    "勇艳杰娟涛明超兰霞平刚桂华建国玉春梅志红伊琳琪雪佳欣怡婷宇浩轩子涵晨辉鹏飞健康无线蓝牙智能儿童休闲运动短长袖夏冬季新款韩版潮流北京上海广州深圳"
    "天津重庆成都杭州武汉南京西安苏州福建山东河南湖北江西四川云贵陕甘宁青藏疆内蒙古吉林辽黑龙港澳台备注状态类型名称描述单位规格型创建更新完成取消待已未"
)


def detect(path: Path, data: bytes) -> tuple[str, str]:
    """Return the codec of a file's bytes and its name in words.

    Detected are byte order marks; UTF-16 without one, by its zero bytes; UTF-8, where every byte
    fits; GB18030, where the bytes decode to common hanzi and to no other plausible script. One-byte
    encodings fit anything, so they are never detected.

    Raises:
        InputError: Two readings fit, or none but a guess.
    """
    for mark, codec, words in MARKS:
        if data.startswith(mark):
            return codec, words
    if b"\0" in data:
        wide = _utf16(data)
        return (wide, "UTF-16 without a byte order mark") if wide else ("utf-8", "UTF-8")
    place = first_invalid(data)
    if place is None:
        return "utf-8", "UTF-8"
    if _is_junk(data):
        raise InputError(f"{path}: is not a text file; give CSV, TSV or Parquet.")
    return _legacy(path, data, place)


def first_invalid(data: bytes) -> int | None:
    """Return where the bytes stop being UTF-8; None where they never do."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(data), CHUNK):
        held = len(decoder.getstate()[0])  # bytes of a character begun in the chunk before
        try:
            decoder.decode(data[start : start + CHUNK], final=start + CHUNK >= len(data))
        except UnicodeDecodeError as error:
            return start - held + error.start
    return None


def is_utf8_too(data: bytes) -> bool:
    """Return whether bytes that were said to be something else are UTF-8, and more than ASCII."""
    return not data.isascii() and first_invalid(data) is None


def not_utf8(path: Path, data: bytes, place: int) -> InputError:
    """Return the error for bytes that are no UTF-8, by the line of the first."""
    if _is_junk(data):
        return InputError(f"{path}: is not a text file; give CSV, TSV or Parquet.")
    latin = Setting("data.encoding", "latin-1")
    return InputError(
        where=f"{path}, line {_line(data, place)}",
        problem=f"not UTF-8 (byte 0x{data[place]:02x})",
        advice=("save the file as UTF-8 or set ", latin, ", or whatever it is"),
    )


def to_utf8(path: Path, data: bytes, encoding: str) -> bytes:
    """Return the bytes in UTF-8, decoded by chunks, so that the text is never held whole."""
    out = io.BytesIO()
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
        for start in range(0, len(data), CHUNK):
            last = start + CHUNK >= len(data)
            out.write(decoder.decode(data[start : start + CHUNK], final=last).encode())
    except (UnicodeError, AttributeError) as error:
        raise InputError(
            where=path,
            problem=f"is not {encoding} text ({error})",
            advice=("set ", Setting("data.encoding"), " to what it is"),
        ) from None
    return out.getvalue()


def known(encoding: str) -> str:
    """Return the codec of this name; an InputError where there is none for text."""
    try:
        with contextlib.suppress(UnicodeError):
            b"x".decode(encoding)  # refuses a codec that makes no text of bytes, such as hex
        return codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise InputError(
            where=Setting("data.encoding", encoding),
            problem="no such encoding",
            advice="utf-8, utf-16, gb18030, latin-1 and cp1252 are usual",
        ) from None


def _line(data: bytes, place: int) -> int:
    return data.count(b"\n", 0, place) + 1


def _is_junk(data: bytes) -> bool:
    return sum(byte < 9 or 13 < byte < 32 for byte in data[:4096]) > len(data[:4096]) // 20


def _utf16(data: bytes) -> str | None:
    """Detect UTF-16 by its zero bytes: in plain text, one in ten or more, all on one side."""
    if len(data) % 2:
        return None
    sample = data[: SAMPLE & ~1]
    pairs = np.frombuffer(sample, dtype=np.uint8).reshape(-1, 2)
    fits = []
    for codec, high in (("utf-16-le", 1), ("utf-16-be", 0)):
        if np.mean(pairs[:, high] == 0) < 0.1:
            continue
        try:
            text = codecs.getincrementaldecoder(codec)().decode(sample)
        except UnicodeError:
            continue
        if ("\n" in text or "\r" in text) and not any(
            ord(c) < 32 and c not in "\t\n\r\f\v" for c in text[:4096]
        ):
            fits.append(codec)
    return fits[0] if len(fits) == 1 else None


def _legacy(path: Path, data: bytes, place: int) -> tuple[str, str]:
    """Return GB18030, or raise an InputError that names the readings that fit."""
    sample = data[:SAMPLE] if len(data) <= SAMPLE else data[: data.rfind(b"\n", 0, SAMPLE) + 1]
    if all(byte < 128 for byte in sample):  # what is not ASCII stands further down
        sample = data[data.rfind(b"\n", 0, place) + 1 : place + SAMPLE]
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    fits = [
        codec
        for codec in ("gb18030", "big5", "euc-kr", "shift-jis", "euc-jp")
        if _plausible(sample, codec)
    ]
    if fits == ["gb18030"]:
        text = sample.decode("gb18030")
        hanzi = [c for c in text if c in COMMON]
        if len(hanzi) >= ENOUGH and len(set(hanzi)) >= ENOUGH - 1 and _decodes(data, "gb18030"):
            return "gb18030", "GB18030 (Chinese)"
    if not fits:
        raise not_utf8(path, data, place)
    start = data.rfind(b"\n", 0, place) + 1
    row = data[start : data.find(b"\n", start) if b"\n" in data[start:] else len(data)][
        :400
    ].strip()
    shown = [f"{codec} ({_shown(row, codec)!r})" for codec in fits] + [
        f"latin-1 ({_shown(row, 'latin-1')!r})"
    ]
    raise InputError(
        where=f"{path}, line {_line(data, place)}",
        problem=f"not UTF-8, and it could be {', '.join(shown[:-1])} or {shown[-1]}",
        advice=("set ", Setting("data.encoding"), " to the one that reads right"),
    )


def _shown(row: bytes, codec: str) -> str:
    text = row.decode(codec, errors="replace")
    first = next((n for n, c in enumerate(text) if ord(c) > 127), 0)
    return "".join(c for c in text[first : first + 8] if c.isprintable())


def _decodes(data: bytes, codec: str) -> bool:
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        for start in range(0, len(data), CHUNK):
            decoder.decode(data[start : start + CHUNK], final=start + CHUNK >= len(data))
    except UnicodeError:
        return False
    return True


def _plausible(sample: bytes, codec: str) -> bool:
    """Return whether the bytes decode to characters that people write in that encoding."""
    try:
        text = sample.decode(codec)
    except UnicodeError:
        return False
    high = [c for c in text if ord(c) > 127 and c.isalpha()]
    if len(high) < 2:
        return False

    def share(fits: Callable[[str], bool]) -> float:
        return sum(map(fits, high)) / len(high)

    kana = share(lambda c: "\u3041" <= c <= "\u30fe")
    if codec == "gb18030":
        return share(COMMON.__contains__) >= 0.5
    if codec == "big5":  # its frequent characters have a first byte up to 0xc6
        return share(lambda c: 0xA4 <= c.encode("big5")[0] <= 0xC6) >= 0.9
    if codec == "euc-kr":
        return share(lambda c: "\uac00" <= c <= "\ud7a3") >= 0.9
    half = share(lambda c: "\uff61" <= c <= "\uff9f")
    return half < 0.5 and kana >= 0.2
