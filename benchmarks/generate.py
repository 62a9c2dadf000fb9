"""Made-up lists of any size from a seed: ``python -m benchmarks.generate csv 1000000 list.csv``.

Rows are made in batches of numpy byte matrices, a column a block, padded with NUL; dropping the NUL
bytes leaves the file. A batch depends on the seed and its number alone, so a longer list begins with
the shorter one, and the planted values can be asked for again without reading the file.
"""

from __future__ import annotations

import argparse
import itertools
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
"""One byte string a row, padded with NUL."""
Ints = NDArray[np.int64]

BATCH = 20_000
SEED = 20260922
HEADER = (
    "序号", "姓名", "性别", "身份证号", "联系电话", "家庭住址", "银行账号", "补贴金额（元）", "登记日期", "备注",
)  # fmt: skip
SECRETS = ("id", "phone", "card", "address")
"""What is planted in every row, in this order."""

# GB 11643-1999, 4.3: weights and check characters. Divisions that exist; the people do not.
_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_CHECK = np.frombuffer(b"10X98765432", np.uint8)
_DIVISIONS = (
    b"430102",
    b"431002",
    b"431003",
    b"431021",
    b"431022",
    b"431026",
    b"431081",
    b"432801",
)
_CARDS = (b"621700", b"622848", b"621799", b"622202", b"621797", b"622180")
_MOBILES = (b"130", b"135", b"138", b"139", b"150", b"152", b"158", b"173", b"180", b"187", b"189")

_FAMILY = "李王张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = [
    "桂兰",
    "建国",
    "秀英",
    "德胜",
    "玉梅",
    "国庆",
    "春生",
    "凤仙",
    "大勇",
    "小满",
    "伟",
    "芳",
    "娜",
    "敏",
    "静",
    "丽",
    "强",
    "磊",
    "军",
    "洋",
    "艳",
    "勇",
    "杰",
    "娟",
    "涛",
    "超",
    "明",
    "霞",
    "平",
    "桂英",
    "志强",
    "秀兰",
    "建军",
    "玉兰",
    "海燕",
    "文华",
    "冬梅",
    "红梅",
    "金凤",
    "春梅",
    "志明",
    "国强",
    "永强",
    "晓东",
    "雪梅",
    "新华",
    "立新",
    "桂芳",
    "玉珍",
]
_CITIES = (
    "湖南省郴州市苏仙区",
    "湖南省郴州市桂阳县",
    "湖南省郴州市永兴县",
    "湖南省郴州市汝城县",
    "郴州市资兴市",
)
_TOWNS = (
    "石桥镇",
    "柳湾镇",
    "双塘乡",
    "青山乡",
    "云溪镇",
    "白露塘镇",
    "五里牌镇",
    "高亭司镇",
    "香花镇",
)
_VILLAGES = [
    "青山",
    "石桥",
    "柳湾",
    "双塘",
    "上坪",
    "下坪",
    "大冲",
    "梅岭",
    "杨家",
    "黄泥塘",
    "清水",
    "新塘",
    "高塘",
    "长冲",
    "白石",
    "金龙",
    "红旗",
    "和平",
]
_REMARKS = (
    "",
    "无",
    "按月发放",
    "一般户",
    "续发",
    "新增",
    "2024年第三季度",
    "已核实",
    "材料齐全",
    "低保户",
    "脱贫户",
    "由县农村商业银行一卡通发放",
    "2024年6月经村民代表会议评议通过",
)
_SENTENCES = (
    "经村民代表会议评议，该户符合条件，予以公示。",
    "公示期为2024年9月20日至2024年9月26日，如有异议请在公示期内反映。",
    "根据《社会救助暂行办法》（国务院令第649号）第十一条规定办理。",
    "本季度共发放补助资金1,250,300.50元，惠及群众2,316户。",
    "项目编号CZ-2024-0918，批次号202409180001，资金已拨付到位。",
    "统一社会信用代码和合同编号见附件，附件不对外公开。",
    "家庭人均收入低于当地最低生活保障标准，纳入保障范围。",
    "监督电话12345，举报电话12317，由镇人民政府负责解释。",
)  # fmt: skip


# ------------------------------------------------------------------------------- blocks of bytes


def pool(words: Sequence[bytes]) -> Bytes:
    """The words as rows of one matrix, padded with NUL."""
    width = max(map(len, words)) or 1
    return np.frombuffer(b"".join(word.ljust(width, b"\0") for word in words), np.uint8).reshape(
        len(words), width
    )


def digits(values: Ints, width: int) -> Bytes:
    """``values`` in ``width`` decimal digits, with leading zeros."""
    out = np.empty((len(values), width), np.uint8)
    for place in range(width - 1, -1, -1):
        values, rest = np.divmod(values, 10)
        out[:, place] = rest + 48
    return out


def number(values: Ints, width: int) -> Bytes:
    """``values`` in decimal without leading zeros."""
    out = digits(values, width)
    blank = np.logical_and.accumulate(out[:, :-1] == 48, axis=1)
    out[:, :-1][blank] = 0
    return out


def join(blocks: Sequence[Bytes | bytes], rows: int) -> bytes:
    """The rows that ``blocks`` make side by side; a plain ``bytes`` stands in every row."""
    wide = [
        np.broadcast_to(np.frombuffer(block, np.uint8), (rows, len(block)))
        if isinstance(block, bytes)
        else block
        for block in blocks
    ]
    flat: Bytes = np.concatenate(wide, axis=1).ravel()
    kept: Bytes = flat[flat != 0]
    return kept.tobytes()


def only(block: Bytes, wanted: NDArray[np.bool_]) -> Bytes:
    """``block``, empty where not ``wanted``."""
    return block * wanted[:, None].astype(np.uint8)


# -------------------------------------------------------------------------------------- persons


@dataclass(frozen=True)
class People:
    """One batch: for each row its digits and the numbers of its words."""

    first: int
    male: NDArray[np.bool_]
    ids: Bytes
    phones: Bytes
    cards: Bytes
    tails: tuple[Ints, Ints]
    words: dict[str, Ints]
    amounts: Ints
    odd: Ints

    @property
    def rows(self) -> int:
        return len(self.ids)


def people(seed: int, batch: int, odd: float = 0.0) -> People:
    """The persons of one batch. ``odd``: the share of rows whose numbers are not written plainly."""
    random = np.random.default_rng([seed, batch])
    n = BATCH
    return People(
        first=batch * BATCH,
        ids=(ids := _ids(random, n)),
        male=ids[:, 16] % 2 == 1,
        phones=np.hstack([_take(random, _MOBILES, n), digits(random.integers(0, 10**8, n), 8)]),
        cards=_cards(random, n),
        tails=(random.integers(1, 31, n), random.integers(1, 200, n)),
        words={
            name: random.integers(0, 2**31, n)
            for name in ("family", "given", "city", "town", "village", "date", "remark", *map(str, range(10)))
        },
        amounts=random.integers(100, 90_000, n) * 10,
        odd=np.where(random.random(n) < odd, random.integers(1, 6, n), 0),
    )  # fmt: skip


def _take(random: np.random.Generator, words: Sequence[bytes], n: int) -> Bytes:
    return pool(words)[random.integers(0, len(words), n)]


def _ids(random: np.random.Generator, n: int) -> Bytes:
    days = np.datetime64("1940-01-01") + random.integers(0, 23_000, n).astype("timedelta64[D]")
    years = days.astype("datetime64[Y]")
    months = days.astype("datetime64[M]")
    date = (
        (years.astype(np.int64) + 1970) * 10_000
        + ((months - years).astype(np.int64) + 1) * 100
        + (days - months).astype(np.int64)
        + 1
    )
    order = digits(random.integers(1, 1000, n), 3)
    body = np.hstack([_take(random, _DIVISIONS, n), digits(date, 8), order])
    check = _CHECK[((body - 48) @ _WEIGHTS) % 11]
    return np.hstack([body, check[:, None]])


def _cards(random: np.random.Generator, n: int) -> Bytes:
    """19 digits with the check digit of ISO/IEC 7812-1, annex B."""
    body = np.hstack([_take(random, _CARDS, n), digits(random.integers(0, 10**12, n), 12)])
    doubled = (body - 48).astype(np.int64) * np.array([1, 2] * 9)
    doubled -= 9 * (doubled > 9)
    return np.hstack([body, digits(-doubled.sum(axis=1) % 10, 1)])


def planted(rows: int, *, seed: int = SEED, odd: float = 0.0) -> Iterator[dict[str, str]]:
    """What each row holds that must not be published, in plain form; ``address`` is its end."""
    for batch in _batches(rows, seed, odd):
        group, house = batch.tails
        for row in range(min(BATCH, rows - batch.first)):
            value = bytes(batch.ids[row]).decode()
            yield {
                "id": value[:9] + value[10:] if batch.odd[row] == 4 else value,
                "phone": bytes(batch.phones[row]).decode(),
                "card": bytes(batch.cards[row]).decode(),
                "address": f"{group[row]}组{house[row]}号",
            }


def _batches(rows: int, seed: int, odd: float) -> Iterator[People]:
    for batch in range(-(-rows // BATCH)):
        yield people(seed, batch, odd)


# ------------------------------------------------------------------------------------- the cells


@dataclass(frozen=True)
class Writer:
    """Turns persons into cells in one encoding."""

    encoding: str = "utf-8"

    def words(self, words: Sequence[str], which: Ints) -> Bytes:
        return pool([word.encode(self.encoding) for word in words])[which % len(words)]

    def names(self, who: People) -> Bytes:
        return np.hstack(
            [self.words(_FAMILY, who.words["family"]), self.words(_GIVEN, who.words["given"])]
        )

    def addresses(self, who: People, town: str = "town") -> Bytes:
        """湖南省郴州市苏仙区石桥镇青山村3组12号"""
        group, house = who.tails
        pieces = [
            self.words(_CITIES, who.words["city"]),
            self.words(_TOWNS, who.words[town]),
            self.words([f"{name}村" for name in _VILLAGES], who.words["village"]),
            number(group, 2),
            self.words(["组"], group),
            number(house, 3),
            self.words(["号"], group),
        ]
        return np.hstack(pieces)

    def dates(self, who: People) -> Bytes:
        days = [f"2024-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]
        return self.words(days, who.words["date"])

    def remarks(self, who: People) -> Bytes:
        """Mostly a word; an odd row has its telephone number once more."""
        told = self.words(["联系人电话"], who.words["remark"])
        again = who.odd == 5
        return np.hstack(
            [
                self.words(_REMARKS, who.words["remark"]),
                only(told, again),
                only(who.phones, again),
            ]
        )

    def sentences(self, who: People, name: str) -> Bytes:
        return self.words(_SENTENCES, who.words[name])

    def ids(self, who: People) -> Bytes:
        """Odd: full width, blanks, a small x, a digit left out."""
        out = who.ids.copy()
        out[who.odd == 4, 9] = 0
        small = (who.odd == 2) & (out[:, 17] == ord("X"))
        out[small, 17] = ord("x")
        return self._spaced(out, who.odd, (6, 14), b" ")

    def phones(self, who: People) -> Bytes:
        return self._spaced(who.phones, who.odd, (3, 7), b"-")

    def cards(self, who: People) -> Bytes:
        return self._spaced(who.cards, who.odd, (4, 8, 12, 16), b" ")

    def _spaced(self, block: Bytes, odd: Ints, at: tuple[int, ...], blank: bytes) -> Bytes:
        """Full width in odd rows of kind 1, a blank at each of ``at`` in those of kind 3."""
        if not odd.any():
            return block
        gap = np.where(odd == 3, np.uint8(blank[0]), np.uint8(0))[:, None]
        ends = (*at, block.shape[1])
        pieces = [block[:, : at[0]]]
        for start, end in itertools.pairwise(ends):
            pieces += [gap, block[:, start:end]]
        return self._full_width(np.hstack(pieces), odd == 1)

    def _full_width(self, block: Bytes, wanted: NDArray[np.bool_]) -> Bytes:
        forms = ["\0"] * 256
        for code in b"0123456789Xx":
            forms[code] = chr(code + 0xFEE0)
        table = pool([form.encode(self.encoding) for form in forms])
        plain = np.zeros((*block.shape, table.shape[1]), np.uint8)
        plain[:, :, 0] = block
        plain[wanted] = table[block[wanted]]
        return plain.reshape(len(block), -1)

    def cells(self, who: People) -> list[Bytes]:
        """The ten columns of HEADER."""
        cents = np.array([[46, 48, 48]], np.uint8).repeat(who.rows, axis=0)
        return [
            number(who.first + 1 + np.arange(who.rows), 8),
            self.names(who),
            self.words(["女", "男"], who.male.astype(np.int64)),
            self.ids(who),
            self.phones(who),
            self.addresses(who),
            self.cards(who),
            np.hstack([number(who.amounts, 6), cents]),
            self.dates(who),
            self.remarks(who),
        ]

    def free(self, who: People) -> list[Bytes]:
        """Ten cells of prose, one of them with a number in it."""
        cells = [self.sentences(who, str(column)) for column in range(10)]
        told = self.words(["联系电话："], who.words["0"])
        cells[9] = np.hstack([cells[9], told, who.phones])
        return cells

    def homes(self, who: People) -> list[Bytes]:
        return [self.addresses(who, str(column)) for column in range(10)]

    def harmless(self, who: People) -> list[Bytes]:
        """Nothing that must be hidden."""
        dates, names = self.dates(who), self.names(who)
        amounts = number(who.amounts, 6)
        towns = self.words(_TOWNS, who.words["town"])
        villages = self.words([f"{name}村" for name in _VILLAGES], who.words["village"])
        serial = number(who.first + 1 + np.arange(who.rows), 8)
        remarks = self.words(_REMARKS, who.words["remark"])
        sex = self.words(["女", "男"], who.male.astype(np.int64))
        return [serial, names, sex, towns, villages, amounts, amounts, dates, dates, remarks]


CELLS: dict[str, tuple[Callable[[Writer, People], list[Bytes]], Sequence[str]]] = {
    "list": (Writer.cells, HEADER),
    "free": (Writer.free, [f"情况说明{column}" for column in "一二三四五六七八九十"]),
    "homes": (
        Writer.homes,
        (
            "家庭住址",
            "户籍地址",
            "现住址",
            "居住地址",
            "通讯地址",
            "详细地址",
            "住址",
            "地址",
            "户籍所在地",
            "居住地",
        ),
    ),
    "harmless": (
        Writer.harmless,
        ("序号", "姓名", "性别", "乡镇", "村", "金额", "合计", "申请日期", "批准日期", "备注"),
    ),
}
"""Kind of list -> what makes its cells, and its header."""


# --------------------------------------------------------------------------------------- files


def csv(
    target: Path,
    rows: int,
    *,
    seed: int = SEED,
    kind: str = "list",
    encoding: str = "utf-8",
    quoted: bool = False,
    odd: float = 0.0,
) -> None:
    """A list of ``rows`` rows under one header; prose has commas in it and is always quoted."""
    writer = Writer(encoding)
    make, header = CELLS[kind]
    between, edge = (b'","', b'"') if quoted or kind == "free" else (b",", b"")
    with target.open("wb") as stream:
        stream.write(edge + between.join(name.encode(encoding) for name in header) + edge + b"\n")
        for who in _batches(rows, seed, odd):
            line: list[Bytes | bytes] = [edge]
            for cell in make(writer, who):
                line += [cell, between]
            line[-1] = edge + b"\n"
            _write_rows(stream, join(line, who.rows), rows - who.first)


def _write_rows(stream: BinaryIO, data: bytes, rows: int) -> None:
    """The first ``rows`` lines of a batch."""
    if rows < BATCH:
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10)
        data = data[: int(ends[rows - 1]) + 1]
    stream.write(data)


def text(target: Path, size: int, *, seed: int = SEED, hits: float = 0.1) -> None:
    """About ``size`` bytes of prose, a paragraph a line; ``hits``: the share with a person in it."""
    writer = Writer()
    with target.open("wb") as stream:
        for batch in itertools.count():
            data = join(_paragraphs(writer, people(seed, batch), hits), BATCH)
            left = size - stream.tell()
            if left <= len(data):
                stream.write(data[: data.rfind(b"\n", 0, max(left, 500)) + 1])
                return
            stream.write(data)


def _paragraphs(writer: Writer, who: People, hits: float) -> list[Bytes | bytes]:
    wanted = who.words["8"] % 1000 < hits * 1000
    person: list[Bytes] = []
    for label, value in (
        ("经审核，", writer.names(who)),
        ("（身份证号", who.ids),
        ("，住", writer.addresses(who)),
        ("，电话", who.phones),
        ("）符合条件，拟给予救助。", np.zeros((who.rows, 1), np.uint8)),
    ):
        person += [only(writer.words([label], who.words["0"]), wanted), only(value, wanted)]
    return [
        writer.sentences(who, "0"),
        *person,
        writer.sentences(who, "1"),
        writer.sentences(who, "2"),
        b"\n",
    ]


def small(
    folder: Path, files: int, rows: int = 30, *, seed: int = SEED, xlsx_every: int = 0
) -> None:
    """``files`` lists of ``rows`` rows, the offices' daily bread; every nth of them a workbook."""
    folder.mkdir(parents=True, exist_ok=True)
    for at in range(files):
        if xlsx_every and at % xlsx_every == 0:
            xlsx(folder / f"list{at:05}.xlsx", rows, seed=seed + at)
        else:
            csv(folder / f"list{at:05}.csv", rows, seed=seed + at)


# -------------------------------------------------------------------------------------- workbook

_SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_FIXED = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPES}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}.styles+xml"/>'
    f'<Override PartName="/xl/sharedStrings.xml" ContentType="{_TYPES}.sharedStrings+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_SPREADSHEET}" xmlns:r="{_RELATIONS}"><sheets>'
    '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_RELATIONS}/styles" Target="styles.xml"/>'
    f'<Relationship Id="rId3" Type="{_RELATIONS}/sharedStrings" Target="sharedStrings.xml"/>'
    "</Relationships>",
    "xl/styles.xml": f'<styleSheet xmlns="{_SPREADSHEET}"><fonts count="1"><font><sz val="11"/>'
    '<name val="宋体"/></font></fonts><fills count="1"><fill><patternFill patternType="none"/></fill>'
    '</fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf/><xf numFmtId="49" applyNumberFormat="1"/></cellXfs><cellStyles count="1">'
    '<cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}
_XML = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MOMENT = (2026, 9, 22, 0, 0, 0)
_NUMERIC = {"shared": (0, 7), "inline": (0, 7), "numeric": (0, 4, 7)}
"""How cells are stored -> the columns that are numbers; ``numeric`` has the phones as numbers."""


def xlsx(
    target: Path, rows: int, *, seed: int = SEED, cells: str = "shared", odd: float = 0.0
) -> None:
    """A workbook of ``rows`` rows under one header. ``cells``: shared, inline or numeric.

    The strings that a shared list holds twice (names, sex, dates, remarks) are stored once.
    """
    numeric = _NUMERIC[cells]
    strings = [name.encode() for name in HEADER]
    head = _head(inline=cells == "inline")
    sheet = bytearray(_XML + f'<worksheet xmlns="{_SPREADSHEET}"><sheetData>'.encode() + head)
    shared = bytearray()
    count = len(strings)
    for who in _batches(rows, seed, odd):
        batch = _batch(who, rows - who.first)
        n = len(batch[0])
        line: list[Bytes | bytes] = [b'<row r="', number(who.first + 2 + np.arange(n), 8), b'">']
        for column, cell in enumerate(batch):
            line += [f'<c r="{chr(65 + column)}'.encode(), number(who.first + 2 + np.arange(n), 8)]
            if column in numeric:
                line += [b'"><v>', cell, b"</v></c>"]
            elif cells == "inline":
                line += [b'" t="inlineStr"><is><t>', cell, b"</t></is></c>"]
            else:
                unique, index = _distinct(cell) if column in (1, 2, 8, 9) else (cell, np.arange(n))
                line += [b'" s="1" t="s"><v>', number(count + index, 9), b"</v></c>"]
                shared += join([b"<si><t>", unique, b"</t></si>"], len(unique))
                count += len(unique)
        sheet += join([*line, b"</row>"], n)
    sheet += b"</sheetData></worksheet>"
    _package(target, sheet, _shared_strings(strings, shared, count))


def _batch(who: People, rows: int) -> list[Bytes]:
    cells = [cell[:rows] for cell in Writer().cells(who)]
    cells[7] = cells[7][:, :-3]  # no cents: the shortest form, as a spreadsheet writes it
    return cells


def _distinct(cell: Bytes) -> tuple[Bytes, Ints]:
    """The distinct rows and, for each row, which of them it is."""
    width = cell.shape[1]
    rows, index = np.unique(
        np.ascontiguousarray(cell).view(f"V{width}").ravel(), return_inverse=True
    )
    return rows.view(np.uint8).reshape(-1, width), index


def _head(*, inline: bool) -> bytes:
    cells = []
    for column, name in enumerate(HEADER):
        at = f"{chr(65 + column)}1"
        cells.append(
            f'<c r="{at}" t="inlineStr"><is><t>{name}</t></is></c>'
            if inline
            else f'<c r="{at}" t="s"><v>{column}</v></c>'
        )
    return f'<row r="1">{"".join(cells)}</row>'.encode()


def _shared_strings(header: Sequence[bytes], shared: bytearray, count: int) -> bytes:
    head = b"".join(b"<si><t>" + name + b"</t></si>" for name in header)
    start = f'<sst xmlns="{_SPREADSHEET}" uniqueCount="{count}">'.encode()
    return _XML + start + head + bytes(shared) + b"</sst>"


def _package(target: Path, sheet: bytearray, shared: bytes) -> None:
    parts = {name: _XML + content.encode() for name, content in _FIXED.items()}
    parts |= {"xl/worksheets/sheet1.xml": bytes(sheet), "xl/sharedStrings.xml": shared}
    with zipfile.ZipFile(target, "w") as package:
        for name, content in parts.items():
            info = zipfile.ZipInfo(name, _MOMENT)
            info.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(info, content, compresslevel=6)


# ----------------------------------------------------------------------------------- command line


def main(arguments: Sequence[str] | None = None) -> None:
    """``FORMAT SIZE TARGET``: what the runner calls, in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generate", description=__doc__)
    parser.add_argument("format", choices=("csv", "xlsx", "text", "small"))
    parser.add_argument("size", type=int, help="rows; bytes of text; number of small files")
    parser.add_argument("target", type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--kind", choices=tuple(CELLS), default="list")
    parser.add_argument("--encoding", choices=("utf-8", "gb18030"), default="utf-8")
    parser.add_argument("--cells", choices=tuple(_NUMERIC), default="shared")
    parser.add_argument("--quoted", action="store_true")
    parser.add_argument("--odd", type=float, default=0.0, help="share of rows written oddly")
    parser.add_argument("--hits", type=float, default=0.1, help="share of paragraphs with a person")
    parser.add_argument("--xlsx-every", type=int, default=0)
    said = parser.parse_args(arguments)
    if said.format == "csv":
        csv(
            said.target, said.size, seed=said.seed, kind=said.kind, encoding=said.encoding,
            quoted=said.quoted, odd=said.odd,
        )  # fmt: skip
    elif said.format == "xlsx":
        xlsx(said.target, said.size, seed=said.seed, cells=said.cells, odd=said.odd)
    elif said.format == "text":
        text(said.target, said.size, seed=said.seed, hits=said.hits)
    else:
        small(said.target, said.size, seed=said.seed, xlsx_every=said.xlsx_every)


if __name__ == "__main__":
    main()
