"""Lists on web pages that are drawn without tables, and pages that tables lay out."""

from __future__ import annotations

from pathlib import Path

import pytest

from deid import mask_file

MENU = (
    '<ul class="nav"><li><a href="/">首页</a></li><li><a href="/a">政务公开</a></li></ul>'
    '<div class="crumb"><a href="/">首页</a><span>&gt;</span><a>公示公告</a></div>'
)
FOOT = (
    '<ul><li><a href="1.html">关于做好2025年社会救助工作的通知</a><span>2025-03-04</span></li>'
    '<li><a href="2.html">桂民发〔2025〕1234567号</a><span>2025-04-05</span></li></ul>'
    "<p><span>2025</span><span>年</span></p><p><span>电话0735-</span><span>4455667</span></p>"
    "<div><span>主办：桂阳县民政局</span><span>地址：桂阳县城关镇蔡伦路12号</span>"
    "<span>电话：0735-4455667</span><span>网站标识码4310210001</span></div>"
    "<ul><li><span>电话</span><span>0735-4455668</span></li>"
    "<li><span>地址</span><span>蔡伦路12号</span></li></ul>"
)
TITLES = ("姓名", "身份证", "电话", "地址")
ROWS = (  # a number with a digit missing, a landline without its area code, a place without a number
    ("钱七", "43102119460806911", "8300519", "正和镇阳山村枫树塘"),
    ("孙八妹", "43102119560611220", "2677752", "正和镇阳山村荷叶塘"),
    ("周建国", "43102119490228304", "7687311", "正和镇阳山村石子冲"),
)


def rows(form: str, *titles: str) -> str:
    """The titles and the rows in a form with four places."""
    return "\n".join(
        [*titles, *(form.format(*row) for row in ((() if titles else (TITLES,)) + ROWS))]
    )


NOTICE = "<p>现将符合条件的对象予以公示，公示期七天，请各村做好工作。</p>" * 8
LISTS = {
    "spans": rows("<div class=row><span>{}</span><span>{}</span><span>{}</span><span>{}</span></div>"),
    "items": "<ul>" + rows("<li><em>{}</em><em>{}</em><em>{}</em><em>{}</em></li>") + "</ul>",
    "in links": rows("<li><a href=x><span>{}</span><b>{}</b><i>{}</i><span>{}</span></a></li>"),
    "blocks": "<div>" + rows("<div><div>{}</div><div>{}</div><div>{}</div><div>{}</div></div>"),
    "titles apart": rows(
        "<div><p>{}</p><p>{}</p><p>{}</p><p>{}</p></div>",
        "<div class=head><b>户主</b><b>证件号码</b><b>联系方式</b><b>家庭住址</b></div>",
    ),
    "grid": "<div>" + rows("<div>{}</div><div>{}</div><div>{}</div><div>{}</div>") + "</div>",
    "grid of spans": "<p>" + rows("<b>{}</b><b>{}</b><b>{}</b><b>{}</b>") + "</p>",
    "empty cells": rows("<div><i></i><b>{}</b><b>{}</b><b>{}</b><i></i><b>{}</b></div>"),
    "cards": "".join(
        f"<div><h3>{a}</h3><p><label>证件号</label><span>{b}</span></p>"
        f"<p><label>电话</label><span>{c}</span></p><p><label>住址</label><span>{d}</span></p></div>"
        for a, b, c, d in ROWS
    ),
    "definitions": "".join(
        f"<dl><dt>姓名</dt><dd>{a}</dd><dt>身份证</dt><dd>{b}</dd><dt>住址</dt><dd>{d}</dd>"
        f"<dt>电话</dt><dd>{c}</dd></dl>"
        for a, b, c, d in ROWS
    ),
    "lines": rows("<p>{}&nbsp;&nbsp;{}&nbsp;&nbsp;{}&nbsp;&nbsp;{}</p>"),
    "line breaks": "<p>" + rows("{} {} {} {}<br>") + "</p>",
    "in a cell": "<table><tr><td>首页<td>政务</tr><tr><td colspan=2>" + NOTICE
    + rows("<p>{} {} {} {}</p>") + "<p>正和镇人民政府</p></td></tr></table>",
    "line breaks in a cell": "<table><tr><td>首页<td>政务</tr><tr><td colspan=2>" + NOTICE
    + "<p>" + rows("{} {} {} {}<br>") + "</p></td></tr></table>",
    "rows in a cell": "<table><tr><td>首页<td>政务</tr><tr><td colspan=2>" + NOTICE
    + rows("<div><b>{}</b><b>{}</b><b>{}</b><b>{}</b></div>") + "</td></tr></table>",
    "two tables": "<table><tr><th>姓名<th>身份证<th>电话<th>住址</table><table>" + rows(
        "<tr><td>{}<td>{}<td>{}<td>{}</tr>", " "
    ) + "</table>",
    "on its side": "<table>" + "".join(
        "<tr>" + "".join(f"<td>{value}" for value in column)
        for column in zip(TITLES, *ROWS, strict=True)
    ) + "</table>",
}  # fmt: skip


def masked(folder: Path, body: str) -> str:
    """The page with this body, masked."""
    source, target = folder / "a.html", folder / "b.html"
    page = '<html><head><meta charset="utf-8"><title>公示</title></head><body>{}</body></html>'
    source.write_text(page.format(MENU + body + FOOT), encoding="utf-8")
    assert mask_file(source, target).output
    return target.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", LISTS)
def test_lists_without_tables(kind: str, tmp_path: Path) -> None:
    page = masked(tmp_path, LISTS[kind])
    assert [value for row in ROWS for value in row[1:] if value in page] == []
    assert page.startswith(
        '<html><head><meta charset="utf-8"><title>公示</title></head><body>' + MENU
    )
    assert FOOT in page


@pytest.mark.parametrize(
    "body",
    [
        "<div><span>单位</span><span>联系电话</span><span>地址</span></div>"
        "<div><span>桂阳县民政局</span><span>0735-4412345</span><span>蔡伦路8号</span></div>"
        "<div><span>正和镇人民政府</span><span>0735-4412346</span><span>正和街3号</span></div>",
        "<div><b>编号</b><b>项目</b><b>金额</b></div><div><b>43102120250001</b><b>低保</b><b>1.00</b></div>",
    ],
)
def test_what_is_no_list_of_persons(body: str, tmp_path: Path) -> None:
    assert body in masked(tmp_path, body)


def test_a_list_with_much_text_in_a_cell_keeps_its_columns(tmp_path: Path) -> None:
    many = "<br>".join(["43102119460806911"] * 20)
    body = f"<table><tr><th>姓名<th>身份证</tr><tr><td>钱七<td>{many}</tr></table>"
    assert "43102119460806911" not in masked(tmp_path, body)


NUMBER, LINE, CARD, HOME = (
    "43102119460806911",
    "8300519",
    "8101210341452561970",
    "正和镇阳山村枫树塘",
)
DATA = {
    "keys": f'<script>d=[{{"name":"钱七","idNo":"{NUMBER}","tel":"{LINE}","bankAcct":"{CARD}"}}]</script>',
    "keys in pinyin": f'<script>d=[{{xm:"钱七",sfzh:"{NUMBER}",lxdh:"{LINE}",yhzh:"{CARD}"}}]</script>',
    "keys with joints": f'<script>d=[{{"id_card":"{NUMBER}","phone-number":"{LINE}"}}]</script>',
    "numbers": f"<script>d=[{{name:'钱七',certNo:{NUMBER},telephone:{LINE}}}]</script>",
    "titles and rows": f'<script>d={{"columns":["name","idCard","tel","addr"],"data":'
    f'[["钱七","{NUMBER}","{LINE}","{HOME}"],["孙八","{NUMBER}","{LINE}","{HOME}"]]}}</script>',
    "titles in Chinese": f'<script>h=["姓名","身份证","电话","住址"];r=[["钱七","{NUMBER}","{LINE}",'
    f'"{HOME}"],["孙八","{NUMBER}","{LINE}","{HOME}"]]</script>',
    "an attribute": f"<i data-row='{{&quot;idCard&quot;:&quot;{NUMBER}&quot;,&quot;电话&quot;:"
    f"&quot;{LINE}&quot;}}'>x</i>",
    "attributes": f'<i data-id-no="{NUMBER}" data-phone="{LINE}">x</i>',
    "fields": f'<input name="sfzh" value="{NUMBER}"><input id="lxdh" value="{LINE}">',
    "json in a string": f"<script>t=JSON.parse('{{\"sfzh\":\"{NUMBER}\",\"lxdh\":\"{LINE}\"}}')</script>",
    "escapes": f'<script>d={{"\\u8eab\\u4efd\\u8bc1\\u53f7":"{NUMBER}"}}</script>',
    "markup in a string": "<script>t=`<tr><td>姓名</td><td>身份证</td><td>电话</td></tr><tr><td>钱七"
    f"</td><td>{NUMBER}</td><td>{LINE}</td></tr>`</script>",
}  # fmt: skip


@pytest.mark.parametrize("kind", DATA)
def test_data_in_scripts_and_attributes(kind: str, tmp_path: Path) -> None:
    page = masked(tmp_path, DATA[kind])
    assert [value for value in (NUMBER, LINE, CARD, HOME) if value in page] == []


def test_settings_of_a_page_stay(tmp_path: Path) -> None:
    body = (
        '<script>c={"siteCode":"4310210001","hotline":"0735-4455667","tel":"0735-4455667",'
        '"orderNo":"2025031234567890","time":"1741234567890","amount":1234567.89,'
        '"menu":["首页","公示","关于"]}</script>'
    )
    assert body in masked(tmp_path, body)
