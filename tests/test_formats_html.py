from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html

from deid.errors import UnreadableFile, UnsafeEdit
from deid.formats import html
from deid.model import READING, Edit, Table, Text
from deid.pipeline import mask_file
from deid.policy import load_policy

ID, PHONE, OTHER = "110105194912310026", "13800138000", "13900139000"
NUMBER = re.compile(r"\d{10,18}[\dX]")


def page(source: str | bytes) -> html.WebPage:
    return html.page(source.encode() if isinstance(source, str) else source)


def contents(document: html.WebPage) -> dict[str, str]:
    """Every place and what stands there."""
    out: dict[str, str] = {}
    for part in document.parts:
        if isinstance(part, Text):
            assert part.place not in out
            out[part.place] = part.text
        else:
            for row in part.rows():
                out |= {part.place(row.index, column): text for column, text in row.cells.items()}
    return out


def tables(document: html.WebPage) -> list[list[dict[int, str]]]:
    return [
        [dict(row.cells) for row in part.rows()]
        for part in document.parts
        if isinstance(part, Table)
    ]


def saved(document: html.WebPage, edits: Mapping[str, Sequence[Edit]]) -> bytes:
    target = io.BytesIO()
    document.save(target, edits)
    return target.getvalue()


def starred(document: html.WebPage) -> dict[str, list[Edit]]:
    """Edits that hide every number but its first three characters."""
    edits: dict[str, list[Edit]] = {}
    for place, text in contents(document).items():
        for hit in NUMBER.finditer(text):
            stars = "*" * (len(hit[0]) - 3)
            edits.setdefault(place, []).append(Edit(place, hit.start() + 3, hit.end(), stars))
    return edits


# --- texts ---------------------------------------------------------------------------------------------

JOINED = [
    ("inline tags", "<p>1<b>38</b>00<span><font>138</font></span>000</p>", PHONE),
    ("references", "<p>&#49;38&#x30;0138&#48;00</p>", PHONE),
    ("reference without its end", "<p>&#49 38</p>", "1 38"),
    ("soft hyphen and blank", "<p>138&nbsp;0013&shy;8000</p>", "138\xa00013\xad8000"),
    ("break opportunity", "<p>1380013<wbr>8000</p>", PHONE),
    ("comment", "<p>1380013<!-- x -->8000</p>", PHONE),
    ("source lines", "<p>\n  138\n\t 00138000\n</p>", "138 00138000"),
    ("unknown element", "<p>138<o:p>0013</o:p>8000</p>", PHONE),
    ("upper case", "<P>138<B>0013</B>8000</P>", PHONE),
    ("no end tags", "<ul><li>138<b>00138000<li>x</ul>", PHONE),
    ("svg", "<svg><text>138<tspan>00138000</tspan></text></svg>", PHONE),
    ("image between", "<p>138<img src=x>00138000</p>", PHONE),
    ("superscript is out of line", f"<p>{PHONE}<sup>1</sup>元</p>", f"{PHONE}元"),
    ("hidden is out of line", "<p>138<i style='display:none'>99</i>00138000</p>", PHONE),
]


@pytest.mark.parametrize(("source", "text"), [c[1:] for c in JOINED], ids=[c[0] for c in JOINED])
def test_texts_are_joined_as_a_page_shows_them(source: str, text: str) -> None:
    lines = [part.text for part in page(source).parts if isinstance(part, Text)]
    assert lines[0] == text


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("<p>甲</p><div>乙<p>丙</div>丁", ["甲", "乙", "丙", "丁"]),
        ("甲<br>乙<BR/>丙", ["甲", "乙", "丙"]),
        ("<pre>甲\n乙\r\n丙</pre>", ["甲", "乙", "丙"]),
        ("<select><option>甲<option>乙</select>", ["甲", "乙"]),
        ("<dl><dt>甲<dd>乙</dl>", ["甲", "乙"]),
        (
            "<span style='display:block'>甲</span><span style='display: block'>乙</span>",
            ["甲", "乙"],
        ),
        ("<title>甲</title><textarea><b>乙</textarea>", ["甲", "<b>乙"]),
    ],
)
def test_blocks_are_texts_of_their_own(source: str, lines: list[str]) -> None:
    assert [part.text for part in page(source).parts if isinstance(part, Text)] == lines


OTHER_PLACES = [
    ("attribute", f'<p title="{PHONE}">x', "e2.@title", '<p title="138********">x'),
    ("single quotes", f"<p title='{PHONE}'>x", "e2.@title", "<p title='138********'>x"),
    ("no quotes", f"<p title={PHONE}>x", "e2.@title", "<p title=138********>x"),
    ("reference in attribute", '<p title="&#49;3800138000">', "e2.@title", '<p title="&#49;38********">'),
    ("telephone link", '<a href="tel:%31%33800138000">x', "e2.@href", '<a href="tel:%31%338********">x'),
    ("query", f'<a href="/x?a=1&copy={PHONE}">x', "e2.@href", '<a href="/x?a=1&copy=138********">x'),
    ("hidden input", f"<input type=hidden value={PHONE}>", "e2.@value", "<input type=hidden value=138********>"),
    ("meta", f'<meta content="{PHONE}">', "e2.@content", '<meta content="138********">'),
    ("data", '<i data-x=\'{"p":"\\u003138\\u00300138000"}\'>', "e2.@data-x#2", '<i data-x=\'{"p":"\\u003138********"}\'>'),
    ("name", f"<a name=a{PHONE}>", "e2.@name", "<a name=a138________>"),
    ("comment", f"<p>x<!-- {PHONE} -->", "e3.text", "<p>x<!-- 138******** -->"),
    ("conditional comment", "<p>x<!--[if mso]><p>138<b>00138000</b></p><![endif]-->", "e3.text#e2.text", "<p>x<!--[if mso]><p>138<b>********</b></p><![endif]-->"),
    ("javascript string", "<script>a='\\u003138\\x300138000'</script>", "e2.text#1", "<script>a='\\u003138********'</script>"),
    ("javascript number", f"<script>a={PHONE};b=1</script>", "e2.text#1", '<script>a="138********";b=1</script>'),
    ("javascript comment", f"<script>a=1 /*{PHONE}*/</script>", "e2.text#1", "<script>a=1 /*138xxxxxxxx*/</script>"),
    ("template string", f"<script>a=`{PHONE}`</script>", "e2.text#1", "<script>a=`138********`</script>"),
    ("after a regular expression", f"<script>a=/[\"']/;b='{PHONE}'</script>", "e2.text#1", "<script>a=/[\"']/;b='138********'</script>"),
    ("string that never ends", f"<script>a='{PHONE}", "e2.text#1", "<script>a='138********"),
    ("event", f'<p onclick="f(&quot;{PHONE}&quot;)">', "e2.@onclick#1", '<p onclick="f(&quot;138********&quot;)">'),
    ("number in an event", f'<p onclick="f({PHONE})">', "e2.@onclick#1", '<p onclick="f(&quot;138********&quot;)">'),
    ("javascript link", f"<a href='javascript:f(\"{PHONE}\")'>", "e2.@href#1", "<a href='javascript:f(\"138********\")'>"),
    ("style string", '<style>p:after{content:"\\31 3800138000"}</style>', "e2.text#1", '<style>p:after{content:"\\31 38********"}</style>'),
    ("style comment", f"<style>/* {PHONE} */</style>", "e2.text#1", "<style>/* 138xxxxxxxx */</style>"),
    ("style attribute", f"<p style=\"background:url(a{PHONE}.png)\">", "e2.@style", '<p style="background:url(a138********.png)">'),
    ("srcdoc", '<iframe srcdoc="&lt;p&gt;138&lt;b&gt;00138000&lt;/b&gt;"></iframe>', "e2.@srcdoc#e2.text", '<iframe srcdoc="&lt;p&gt;138&lt;b&gt;********&lt;/b&gt;"></iframe>'),
    ("page in a link", '<a href="data:text/html,%3Cp%3E13800138000">', "e2.@href#e2.text", '<a href="data:text/html,%3Cp%3E138********">'),
    ("script template", "<script type=text/html><p>138<b>00138000</b></script>", "e2.text#e2.text", "<script type=text/html><p>138<b>********</b></script>"),
    ("noscript", f"<noscript><p>{PHONE}</p></noscript>", "e3.text", "<noscript><p>138********</p></noscript>"),
    ("tag that never ends", f"<p>x<b {PHONE}", "声明", "<p>x<b 138********"),
    ("doctype", f"<!DOCTYPE {PHONE}><p>x", "声明", "<!DOCTYPE 138********><p>x"),
    ("instruction", f"<p>x<?php {PHONE} ?>", "声明", "<p>x<?php 138******** ?>"),
    ("attribute name", f"<p data-{PHONE}=1>", "标记名", "<p data-138________=1>"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "place", "masked"), [c[1:] for c in OTHER_PLACES], ids=[c[0] for c in OTHER_PLACES]
)
def test_other_places(source: str, place: str, masked: str) -> None:
    document = page(source)
    found = contents(document)
    if not source.startswith("<meta") and "style" not in source[:7] and "script" not in source[:8]:
        assert PHONE in found[place].replace("&copy", "")
    edits = {at: wanted for at, wanted in starred(document).items() if READING not in at}
    assert saved(document, edits).decode() == masked
    again = contents(page(masked))
    assert not any(NUMBER.search(text) for text in again.values())


def test_a_value_of_a_script_is_shown_under_its_key() -> None:
    source = '<body><script>x = {"身份证号": "1", phone: 13800138000, \'name\' : "王测"}</script>'
    texts = [part.text for part in page(source).parts if isinstance(part, Text)]
    assert texts == ["身份证号:1", f"电话:{PHONE}", "name:王测"]


def test_fonts_and_short_values_are_no_texts() -> None:
    source = '<p style="font-family:宋体" class="正文" lang=zh-CN><font face="宋体">字</font>'
    assert list(contents(page(source)).values()) == ["字"]


# --- readings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "readings"),
    [
        (
            "<div><span>13800138000</span><span>500</span></div>",
            ["13800138000500", "13800138000 500"],
        ),
        ("<p>138<sup>0013</sup>8000", ["1388000", "13800138000", "138 8000"]),
        ("<p>110105<br>194912310026", ["110105", "194912310026", "110105\n194912310026"]),
        ("<p>1380<del>99</del>0138000", ["13800138000", "1380990138000", "1380 0138000"]),
        ("<p>13<b>8</b>00", ["13800"]),
    ],
)
def test_one_number_or_two(source: str, readings: list[str]) -> None:
    found = [text for text in contents(page(source)).values() if text not in ("0013", "99")]
    assert found[: len(readings)] == [text for text in readings if text in found]
    assert {text for text in readings if len(text) > 8} <= set(found)


def test_readings_pass_the_whole_path(tmp_path: Path) -> None:
    """A value found in one reading only is gone, and verification agrees."""
    source = (
        "<html><body><p>电话<span>13800138000</span><span>500</span></p><p>电话138<sup>0013</sup>8000</p>"
        "<p>身份证号110105<br>194912310026</p><p>1390013<del>77</del>9000</p></body></html>"
    )
    (tmp_path / "a.html").write_text(source, encoding="utf-8")
    report = mask_file(tmp_path / "a.html", tmp_path / "b.html", policy=load_policy("general"))
    assert report.status == "publish", report.message
    text = (tmp_path / "b.html").read_text(encoding="utf-8")
    assert re.sub("<[^>]*>", "", source) != re.sub("<[^>]*>", "", text)
    assert re.findall("<[^>]*>", source) == re.findall("<[^>]*>", text)
    assert not NUMBER.search(re.sub("<[^>]*>", "", text))


# --- tables ----------------------------------------------------------------------------------------------


def test_spans_and_nested_tables() -> None:
    document = page(
        "<table><caption>名单</caption><tr><th rowspan=2>姓名<th colspan=2>证件<tr><td>号码<td>有效期"
        "<tr><td>王测<td>110105<br>194912310026<td>外<table><tr><td>内</table></table>"
    )
    inner, outer = tables(document)
    assert inner == [{0: "内"}]
    assert outer == [
        {0: "姓名", 1: "证件"},
        {1: "号码", 2: "有效期"},
        {0: "王测", 1: "110105\n194912310026", 2: "外"},
    ]
    found = [part for part in document.parts if isinstance(part, Table)][1]
    assert found.merges == ((0, 0, 1, 0), (0, 1, 0, 2))
    assert found.place(2, 1) == "e12.text"


def test_an_edit_of_a_cell_goes_to_its_lines() -> None:
    document = page("<table><tr><td><p>1101<b>05</b></p><p>194912310026</p></td></tr></table>")
    place = next(iter(contents(document)))
    edit = Edit(place, 3, 19, "***\n************")
    assert (
        saved(document, {place: [edit]})
        == b"<table><tr><td><p>110*<b>**</b></p><p>************</p></td></tr></table>"
    )


def test_rows_without_a_table_are_texts() -> None:
    assert list(contents(page("<tr><td>甲乙<td>丙丁")).values()) == ["甲乙", "丙丁"]


# --- places: as lxml counts them -------------------------------------------------------------------------

ORDINARY = [
    "<p>a<br>b</p>", "text only", "<p>a<p>b<div>c</div>d", "<ul><li>a<li>b<ul><li>c</ul>d</ul>e",
    "<table><tr><td>a<td>b<tr><td>c</table>d", "<table><tbody><tr><th>a</th></tr></tbody></table>",
    "<html><head><title>t</title></head><body>x<!-- c --><b>z</b></body></html>",
    "<!-- c --><!DOCTYPE html><html><body><p>x</p></body></html>",
    "<select><option>a<option>b</select>c", "<dl><dt>a<dd>b<dt>c</dl>", "<script>var a;</script><p>y</p>",
    "<meta charset=utf-8><p>x", "<head><style>x</style><body><p>a</body>", "<style>x</style>a",
    "<p>a<table><tr><td>b</table>c", "<a href=x>a<img src=y></a>", "<svg><text>a</text></svg><p>b",
    "<center><h1>a</h1></center><hr>b", "<noscript><p>a</p></noscript>b", "<textarea>a<b></textarea>c",
    "<title>a<b></title><p>c", "<p>a<![if !x]><i>b</i><![endif]>", "<p><?php x ?>a", "<h1>a<h2>b",
    "<section><p>a</section>b", "<nav>a</nav><main><p>b<p>c</main>", "<div><!-- a --><!-- b -->c</div>",
    "<table><caption>a</caption><colgroup><col></colgroup><thead><tr><th>b</thead><tbody><tr><td>c</table>",
    "<table><tr><td><table><tr><td>a</table>b<td>c</table>", "<html><html><body><body><p>a",
]  # fmt: skip


@pytest.mark.parametrize("source", ORDINARY)
@pytest.mark.parametrize(
    "frame", ["{}", "<html><head><title>标题</title></head><body>{}</body></html>"]
)
def test_places_are_those_of_the_tree(source: str, frame: str) -> None:
    whole = frame.format(source)
    parser = lxml_html.HTMLParser(encoding="utf-8")
    nodes = list(lxml_html.document_fromstring(whole.encode(), parser=parser).iter())
    for part in page(whole).parts:
        for place, text in (
            contents(page(whole)).items()
            if isinstance(part, Table)
            else [(getattr(part, "place", ""), getattr(part, "text", ""))]
        ):
            hit = re.fullmatch(r"e(\d+)\.(text|tail)", place)
            if hit:
                assert (getattr(nodes[int(hit[1])], hit[2]) or "").strip()[:1] == text[:1]


# --- bytes: encodings, faults ----------------------------------------------------------------------------

GB_PAGE = '<html><head><meta charset="gb2312"></head><body><p>联系电话：138<b>00138000</b>，䶮测</p></body></html>'


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-be"])
def test_encodings_stay(codec: str) -> None:
    data = GB_PAGE.encode(codec)
    document = page(data)
    assert contents(document)["e4.text"] == f"联系电话：{PHONE}，䶮测"
    assert saved(document, {}) == data
    edits = {"e4.text": [Edit("e4.text", 8, 16, "********")]}
    assert saved(document, edits) == GB_PAGE.replace("00138000", "********").encode(codec)


def test_lines_in_two_encodings() -> None:
    data = (
        "<p>电话".encode()
        + b"\n"
        + "户籍地13800138000街道</p>\n".encode("gb18030")
        + "<p>末尾的一行</p>".encode()
    )
    document = page(data)
    assert document.remarks
    place = "e2.text"
    assert contents(document)[place].endswith("街道")
    start = contents(document)[place].index("138")
    out = saved(document, {place: [Edit(place, start + 3, start + 11, "********")]})
    assert out == data.replace(b"00138000", b"********")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "空"),
        (b"<html><p>abc 123 xyz\0</p></html>", "NUL"),
        (b"%PDF-1.4\n1 0 obj\n", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "Office"),
        (b"PK\x03\x04" + bytes(60), "压缩包"),
        (b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n\r\nx", "mht"),
        (b"<meta charset=big5><p>x", "编码"),
        (b"<p>\x1b$B#1#3#8\x1b(B</p>", "编码"),
        (b'<a href="data:text/plain;base64,MTM4MDAxMzgwMDA=">x</a>', "编码过"),
        (b"<html>" + b"<span>" * 60_000, "嵌套"),
        (bytes(range(128, 256)) * 40, "编码|无法识别"),
    ],
)
def test_faulty_pages_are_named(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x.html"
    path.write_bytes(data)
    with pytest.raises(UnreadableFile, match=words):
        html.read(path)


@pytest.mark.parametrize(
    "source",
    [
        "<div>" * 10_000 + PHONE,
        "<table><tr><td>" * 2_000 + PHONE,
        f"<p title='{'x' * 2_000_000}{PHONE}'>",
        "<p>" + "<b>" * 10_000 + PHONE,
        "<a title='" * 5_000 + PHONE,
        "<script>" + "`\\" * 50_000 + f" {PHONE}",
        "<script>" + '"\\' * 50_000 + f" {PHONE}",
        "<script>" + "(/[" * 20_000 + PHONE,
        "<style>" + "/* " * 50_000 + PHONE,
        "<!--" * 50_000 + PHONE,
        "<" * 100_000 + PHONE,
        "<table><tr>" + "<td colspan=1000 rowspan=60000>" * 300 + PHONE,
        "<p>" + '<iframe srcdoc="' * 20 + PHONE,
        f"<p><b>{PHONE}</i></p></p></td></table></b>",
    ],
    ids=range(14),
)
def test_odd_pages_are_read_to_the_end(source: str) -> None:
    document = page(source)
    assert any(PHONE in text for text in contents(document).values())
    out = saved(document, starred(document))
    assert PHONE.encode() not in out


def test_pictures_in_links_are_for_a_person_to_look_at() -> None:
    document = page('<img src="data:image/png;base64,iVBORw0KGgo="><img src="a.png">')
    assert [(r.place, r.look) for r in document.remarks] == [("e2.@src", True)]
    assert next(document.raw())[1].startswith(b"<img")


def test_an_edit_of_an_unknown_place_is_refused() -> None:
    document = page(f"<p>{PHONE}")
    for place, end in (("e9.text", 1), ("e2.text", 99)):
        with pytest.raises(UnsafeEdit):
            saved(document, {place: [Edit(place, 0, end, "*")]})
    document.close()
    assert not document.parts


# --- properties ------------------------------------------------------------------------------------------

PIECES = ["<", ">", "</", "<p>", "</p>", "<b>", "</b>", "<td>", "<table>", "<tr>", "</table>", "<br>", "<!--", "-->",
          "<a href=", "'", '"', "=", " x", "&#49;", "&nbsp;", "&", ";", "138", "00138000", "张三", "\n", "\r\n", "\t",
          "<script>", "</script>", "<style>", "{a:'", "\\u0031", "<![CDATA[", "]]>", "<?x", "<sup>", "</sup>", "/>",
          "<iframe srcdoc='", "<textarea>", "<title>", "%31", "\u200b", "<pre>", "*"]  # fmt: skip
soup = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(soup, st.sampled_from(["utf-8", "gb18030", "utf-16"]))
def test_no_edits_change_nothing(source: str, codec: str) -> None:
    data = source.encode(codec)
    assert saved(page(data), {}) == data


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200))
def test_any_bytes_come_back_or_are_refused(data: bytes) -> None:
    try:
        document = page(data)
    except UnreadableFile:
        return
    assert saved(document, {}) == data


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(soup)
def test_numbers_hidden_in_any_soup_are_gone(source: str) -> None:
    """Every number that any reading shows is gone once its edits are made."""
    document = page(source)
    edits = starred(document)
    again = contents(page(saved(document, edits)))
    assert not any(NUMBER.search(text) for text in again.values())


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=8),
    st.sampled_from(["<p>甲{}乙</p>", '<p title="甲{}乙">', "<p title='甲{}乙'>", "<p title=甲{}乙>",
                     "<script>a='甲{}乙'</script>", '<p onclick="a=\'甲{}乙\'">', '<a href="甲{}乙">']),
)  # fmt: skip
def test_what_is_written_is_read(new: str, frame: str) -> None:
    document = page(frame.format("丙丁"))
    place, text = next((p, t) for p, t in contents(document).items() if "丙丁" in t)
    at = text.index("丙丁")
    out = saved(document, {place: [Edit(place, at, at + 2, new)]})
    assert contents(page(out))[place] == text.replace("丙丁", new)


def test_an_attribute_that_repeats_its_element_is_judged_by_it(tmp_path: Path) -> None:
    source = (
        '<html><body><p>监督电话：<a href="tel:0713-2950000">0713-2950000</a><a href="tel:0713-2960000">投诉</a></p><table><tr><th>姓名<th>身份证号'
        '<tr><td title="王测">王测<td title="11010519491231002">11010519491231002'
        '<tr><td title="李测">李测<td title="110105194912310026">110105194912310026</table></body></html>'
    )
    (tmp_path / "a.html").write_text(source, encoding="utf-8")
    report = mask_file(tmp_path / "a.html", tmp_path / "b.html", policy=load_policy("general"))
    assert report.status == "publish", report.message
    text = (tmp_path / "b.html").read_text(encoding="utf-8")
    assert 'tel:0713-2950000">0713-2950000' in text
    assert 'tel:0713-2960000">投诉' in text
    assert text.count("110105***********") == 4
