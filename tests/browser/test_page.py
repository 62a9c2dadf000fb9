"""What a clerk does on the page, done by a real browser; and what must be left of it: nothing."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deid.pipeline import mask_file
from deid.policy import load_policy
from deid.sample import write_samples
from service.settings import key_digest
from tests.browser.conftest import Visit, living, visiting
from tests.service.real_server import Server, start

ID, MOBILE, HOME = "11010519491231002X", "13800138000", "红新村8组17号"
SPARE = "88123456"
SECRETS = (ID, MOBILE, HOME, SPARE, "慕容测试")
LIST = f"""2025年第三季度低保对象公示名单
姓名,身份证号,联系电话,备用,住址
慕容测试,{ID},{MOBILE},{SPARE},{HOME}
李娜,110105194912310038,13800138001,88123457,红新村9组
""".encode()
ROOT = Path(__file__).resolve().parents[2]

DROP = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, {type: "text/csv"}));
  for (const kind of ["dragenter", "dragover", "drop"])
    document.getElementById("drop").dispatchEvent(
      new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


def by_command_line(folder: Path, name: str, content: bytes) -> bytes:
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / name).write_bytes(content)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "deid",
            "mask",
            str(folder / "in" / name),
            "-o",
            str(folder / "out"),
        ],
        check=False,
        cwd=ROOT,
        capture_output=True,
    )
    return (folder / "out" / name).read_bytes()


def masked_cells(visit: Visit) -> list[str]:
    texts: list[str] = visit.page.eval_on_selector_all(
        "#grid-box .masked", "nodes => nodes.map(node => node.firstChild.textContent)"
    )
    return texts


# ------------------------------------------------------------------------------- the usual way


def test_drop_a_list_and_look(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    page.evaluate(DROP, ["低保名单.csv", LIST.decode()])
    visit.wait()
    assert page.inner_text("#verdict b") == "可发布"
    assert page.inner_text("#files .badge") == "可发布"
    cells = masked_cells(visit)
    assert cells[:3] == ["110105************", "138********", "红新村***"]
    assert SPARE in page.inner_text("#grid-box")
    cell = page.locator("#grid-box .masked").first
    cell.hover()
    assert "居民身份证号" in page.inner_text("#tip")
    assert ID not in page.inner_text("body")
    page.check("#raw")
    cell.hover()
    assert ID in page.inner_text("#tip")
    assert "A" in page.inner_text("#strength")
    name, content = visit.saved('[data-act="save0"]')
    assert name == "低保名单.csv"
    assert content == by_command_line(tmp_path, "低保名单.csv", LIST)


def test_change_a_column(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    visit.put(("名单.csv", LIST))
    page.select_option("#kind-3", "phone")
    page.wait_for_selector("#columns tr:nth-child(4) >> text=人工改判")
    assert SPARE not in page.inner_text("#grid-box")
    assert page.evaluate("document.activeElement.id") in ("kind-3", "")
    _, content = visit.saved('[data-act="save0"]')
    source, target = tmp_path / "名单.csv", tmp_path / "out.csv"
    source.write_bytes(LIST)
    mask_file(source, target, policy=load_policy("general"), kinds={("", 3): "phone"})
    assert content == target.read_bytes()
    assert SPARE.encode() not in content


def test_a_column_left_alone_is_on_the_sheet(visit: Visit) -> None:
    page = visit.page
    visit.put(("名单.csv", LIST))
    page.select_option("#kind-2", "skip")
    page.wait_for_selector("#view-verdict.look")
    assert MOBILE in page.inner_text("#grid-box")
    assert "人工改判" in page.inner_text("#looks")
    page.click("#sheet-open")
    page.wait_for_selector("#paper main")
    sheet = page.inner_text("#paper main")
    assert "不按规则处理" in sheet
    assert "由“联系电话”改为“不处理”" in sheet
    page.keyboard.press("Escape")
    assert page.is_hidden("#sheet")
    page.select_option("#kind-2", "")
    page.wait_for_selector("#view-verdict.publish")
    assert MOBILE not in page.inner_text("#grid-box")


def test_many_files_zip_and_sheet(visit: Visit, tmp_path: Path) -> None:
    samples = write_samples(tmp_path / "samples")
    visit.page.set_input_files("#folder", str(tmp_path / "samples"))
    visit.wait()
    assert visit.page.locator("#files tr").count() == len(samples)
    name, content = visit.saved("#all")
    assert name.endswith(".zip")
    assert content[:2] == b"PK"
    visit.page.click("#sheet-open")
    visit.page.wait_for_selector("#paper main")
    _, sheet = visit.saved("#sheet-save")
    assert "公开前审查单" in sheet.decode()


def test_paste_text(visit: Visit) -> None:
    page = visit.page
    page.click("#paste-open")
    page.fill("#text", f"申请人慕容测试，身份证{ID}，电话{MOBILE}，住{HOME}。\n")
    page.click("#paste button[type=submit]")
    visit.wait()
    assert page.input_value("#text") == ""
    assert ID not in page.inner_text("#grid-box")
    assert "110105****" in page.inner_text("#grid-box")
    name, content = visit.saved('[data-act="save0"]')
    assert name.endswith(".txt")
    assert ID.encode() not in content


def test_paste_rows_of_a_sheet(visit: Visit) -> None:
    page = visit.page
    page.click("#paste-open")
    page.fill("#text", f"姓名\t身份证号\n慕容测试\t{ID}\n李娜\t110105194912310038\n")
    page.click("#paste button[type=submit]")
    visit.wait()
    assert masked_cells(visit) == ["110105************"] * 2


def test_an_item_leads_to_its_cell(visit: Visit) -> None:
    rows = "\n".join(f"{at},李娜,110105194912310038" for at in range(120))
    visit.put(("名单.csv", f"序号,姓名,身份证号\n{rows}\n121,王芳,{ID},多一列,再多一列\n".encode()))
    visit.page.click("#looks button >> nth=0")
    spot = visit.page.locator("#grid-box .spot")
    assert spot.count() == 1
    assert visit.page.evaluate("document.activeElement.closest('.spot') !== null")
    assert spot.evaluate("n => n.getBoundingClientRect().bottom <= innerHeight")


def test_pages_of_a_long_list(visit: Visit) -> None:
    rows = "\n".join(f"{at},李娜,110105194912310038" for at in range(700))
    visit.put(("长.csv", f"序号,姓名,身份证号\n{rows}\n".encode()))
    page = visit.page
    assert "第 1–50 行；只预览前 500 行" in page.inner_text("#page-text")
    page.click("#next")
    assert "第 51–100 行" in page.inner_text("#page-text")
    assert page.locator("#grid-box tbody tr").count() == 50


def test_matter_channel_and_refusal(visit: Visit) -> None:
    page = visit.page
    visit.put(("名单.csv", LIST))
    page.select_option("#policy", "dibao_review")
    page.wait_for_selector("text=乡镇（街道）初审")
    page.wait_for_selector("#files .badge:not(.waiting)")
    assert "国务院令第649号" in page.inner_text("#about")
    page.select_option("#policy", "orphan")
    page.wait_for_selector("#refusal:not([hidden])")
    page.wait_for_selector("#verdict.refused")
    assert "孤儿名单不公示" in page.inner_text("#refusal-text")
    assert page.is_disabled('[data-act="save0"]')
    page.fill("#override", "经局长办公会研究同意")
    page.press("#override", "Tab")
    page.wait_for_selector("#verdict.look, #files .badge.look")


def test_unreadable_files_are_told(visit: Visit) -> None:
    visit.put(("坏.xlsx", b"not a workbook"), ("图.jpg", b"\xff\xd8\xff\xe0"))
    assert visit.page.inner_text("#verdict b") == "不可发布"
    assert visit.page.locator("#files .badge.unreadable").count() == 2
    assert visit.page.is_disabled("#all")


def test_a_server_that_is_gone_is_told(browser: Any, tmp_path: Path) -> None:
    server = start(tmp_path / "service")
    with visiting(browser, server) as visit:
        visit.open()
        server.kill()
        server.wait()
        given = {"name": "名单.csv", "mimeType": "text/csv", "buffer": LIST}
        visit.page.set_input_files("#file", [given])
        visit.page.wait_for_selector("#alert:not([hidden])")
        assert "服务没有应答" in visit.page.inner_text("#alert")
        assert visit.page.is_hidden("#stop")


# -------------------------------------------------------------------------------- hostile files


def test_html_in_cells_and_names_is_text(visit: Visit) -> None:
    page = visit.page
    page.on("dialog", lambda dialog: pytest.fail("a script ran"))
    name = "<img src=x onerror=window.hit=1>.csv"
    cells = "<img src=x onerror=window.hit=1>,<script>window.hit=1</script>"
    page.evaluate(DROP, [name, f"姓名,备注{cells[:4]}\n{cells}\n李娜,{ID}\n"])
    visit.wait()
    assert "<script>window.hit=1</script>" in page.inner_text("#grid-box")
    page.click("#sheet-open")
    page.wait_for_selector("#paper main")
    assert page.evaluate("window.hit") is None
    assert page.locator("main img, main script, main iframe, #sheet img").count() == 0
    page.keyboard.press("Escape")
    saved, _ = visit.saved('[data-act="save0"]')
    assert not set(saved) & set('<>:"|?*/\\')


# ------------------------------------------------------------------------------ nothing is left

STORES = """async () => JSON.stringify([
  location.href, document.title, history.length, document.cookie, document.referrer,
  Object.entries(localStorage), Object.entries(sessionStorage),
  (await indexedDB.databases()).length, (await caches.keys()).length, history.state,
  window.name, performance.getEntriesByType("resource").map(one => one.name)])"""


def test_nothing_is_left(playwright: Any, tmp_path: Path) -> None:
    server = start(tmp_path / "service")
    try:
        with living(playwright, server, tmp_path / "profile") as visit:
            visit.open()
            look_at_everything(visit)
            found = stores_and_logs(visit)
            assert [secret for secret in SECRETS if secret in found] == []
            visit.page.goto("about:blank")
            visit.close()
            assert holding(visit.profile) == []
            assert holding(server.folder) == []
    finally:
        server.stop()


def look_at_everything(visit: Visit) -> None:
    page = visit.page
    before = page.evaluate("history.length")
    visit.put(("慕容测试13800138000.csv", LIST))
    page.check("#raw")
    page.select_option("#kind-3", "phone")
    page.wait_for_selector("#columns >> text=人工改判")
    page.locator("#grid-box .masked").first.hover()
    visit.saved('[data-act="save0"]')
    page.click("#sheet-open")
    page.wait_for_selector("#paper main")
    page.keyboard.press("Escape")
    assert page.evaluate("history.length") == before
    assert page.title() == "名单公示去标识化"
    ours = (visit.server.url, f"blob:{visit.server.url}", "data:,")
    assert [url for url in visit.asked if not url.startswith(ours)] == []


def stores_and_logs(visit: Visit) -> str:
    """All that the page and the server tell once the page is cleared."""
    stores = visit.page.evaluate(STORES)
    with visit.page.expect_response(lambda one: one.request.method == "DELETE") as gone:
        visit.page.click("#clear")
    assert gone.value.status == 204
    fields = "JSON.stringify(Array.from(document.querySelectorAll('input,textarea'), n => n.value))"
    left = visit.page.content() + visit.page.evaluate(fields)
    metrics = visit.server.client.get("/metrics").text
    return "\n".join([stores, left, metrics, visit.server.log, *visit.said, *visit.asked])


def holding(folder: Path) -> list[str]:
    """The files below a folder that hold one of the values."""
    needles = [text.encode(code) for text in SECRETS for code in ("utf-8", "utf-16-le")]
    needles.append(hashlib.sha256(ID.encode()).hexdigest().encode())
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and any(needle in path.read_bytes() for needle in needles)
    ]


def test_clear_forgets_the_job(visit: Visit) -> None:
    visit.put(("名单.csv", LIST))
    with visit.page.expect_response(lambda one: one.request.method == "DELETE") as gone:
        visit.page.click("#clear")
    assert gone.value.status == 204
    assert visit.page.is_hidden("#view")
    assert visit.page.locator("#files tr").count() == 0


def test_going_away_forgets_the_job(visit: Visit) -> None:
    visit.put(("名单.csv", LIST))
    (job,) = {url for url in visit.asked if re.search(r"/v1/files/\w+$", url)}
    visit.page.goto("about:blank")
    visit.page.goto(visit.server.url)
    visit.page.wait_for_selector("#policy option", state="attached")
    assert visit.server.client.get(job).status_code == 404
    assert visit.page.is_hidden("#list")


# ------------------------------------------------------------------------------------- the key


def test_a_key_is_asked_for_and_kept_in_memory_only(browser: Any, tmp_path: Path) -> None:
    secret = "clerk-key-0123456789abcdef"
    keys = tmp_path / "keys"
    keys.write_text(key_digest(secret) + "\n")
    server = start(tmp_path / "service", key_file=keys)
    try:
        with visiting(browser, server) as visit:
            page = visit.page
            page.goto(server.url)
            page.wait_for_selector("#key-form:not([hidden])")
            page.fill("#key", "wrong")
            page.press("#key", "Enter")
            page.wait_for_selector("#alert:not([hidden])")
            page.fill("#key", secret)
            page.press("#key", "Enter")
            page.wait_for_selector("#policy option", state="attached")
            assert page.is_hidden("#key-form")
            visit.put(("名单.csv", LIST))
            assert visit.saved('[data-act="save0"]')[0] == "名单.csv"
            page.click("#sheet-open")
            page.wait_for_selector("#paper main")
            assert secret not in page.content() + page.evaluate(STORES)
            assert not any(secret in text for text in (*visit.said, *visit.asked, server.log))
    finally:
        server.stop()


# ------------------------------------------------------------------------------ for everybody


def test_by_keyboard_alone(visit: Visit) -> None:
    page = visit.page

    def tab_to(identity: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            here = page.evaluate(
                "() => { const n = document.activeElement;"
                " return n.id || n.dataset.act || n.className }"
            )
            if here == identity:
                style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert style != "none", f"the focus on {identity} is not seen"
                return
        pytest.fail(f"the Tab key does not lead to {identity}")

    # Listened to from the start: a key that comes while the browser is being told to hand its
    # choosers over opens one that nobody sees.
    page.on(
        "filechooser",
        lambda chooser: chooser.set_files(
            [{"name": "名单.csv", "mimeType": "text/csv", "buffer": LIST}]
        ),
    )
    tab_to("pick")
    page.keyboard.press("Enter")
    visit.wait()
    tab_to("look0")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.id === 'h-view'")
    tab_to("masked")
    assert "居民身份证号" in page.inner_text("#detail")
    page.keyboard.press("ArrowRight")
    assert "联系电话" in page.inner_text("#detail")
    assert page.is_visible("#tip")
    page.keyboard.press("Escape")
    assert page.is_hidden("#tip")
    tab_to("kind-3")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("#columns >> text=人工改判")
    assert page.evaluate("document.activeElement.id") == "kind-3"
    assert SPARE not in page.inner_text("#grid-box")
    page.keyboard.press("Shift+Tab")
    for _ in range(60):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.dataset.act") == "save0":
            break
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert SPARE.encode() not in Path(download.value.path()).read_bytes()


def test_zoomed_to_400_percent(browser: Any, server: Server) -> None:
    """1280 pixels at 400 % are 320 CSS pixels: only tables scroll sideways, within their boxes."""
    with visiting(browser, server, 320, 256) as visit:
        visit.open()
        assert wide(visit) == []
        visit.put(("名单.csv", LIST))
        assert wide(visit) == []
        assert visit.page.evaluate(ASIDE) == []  # only what will be published does
        visit.page.locator("#grid-box .masked").nth(1).focus()
        assert visit.page.evaluate(INSIDE)
        visit.page.click("#paste-open")
        assert wide(visit) == []
        visit.page.click("#sheet-open")
        visit.page.wait_for_selector("#paper main")
        assert wide(visit) == []


ASIDE = """() => Array.from(document.querySelectorAll("button, select, input, .plain td"))
  .filter(n => n.getClientRects().length && !n.matches(".sr"))
  .filter(n => n.getBoundingClientRect().right > innerWidth + 1)
  .map(n => n.tagName + "#" + n.id)"""
INSIDE = """() => {
  const here = document.activeElement.getBoundingClientRect();
  const box = document.getElementById("grid-box").getBoundingClientRect();
  return here.left >= box.left - 1 && here.right <= box.right + 1;
}"""


def wide(visit: Visit) -> list[str]:
    """What makes the page scroll sideways."""
    found: list[str] = visit.page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
          Array.from(document.querySelectorAll("body *"))
            .filter(n => n.getBoundingClientRect().right > innerWidth + 1)
            .map(n => n.tagName + "#" + n.id + "." + n.className).slice(0, 9)"""
    )
    return found


CONTRAST = """() => {
  const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = node => {
    for (let n = node; n; n = n.parentElement) {
      const c = rgb(getComputedStyle(n).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = Array.from(node.childNodes).some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || node.disabled || !node.getClientRects().length || node.matches("option, .sr")) continue;
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) weak.push(node.tagName + "." + node.className + " " + ratio.toFixed(2));
  }
  return weak;
}"""

NAMELESS = """() => Array.from(document.querySelectorAll("input, select, textarea, button, progress"))
  .filter(n => n.getClientRects().length && n.getAttribute("aria-hidden") !== "true")
  .filter(n => !(n.textContent.trim() && n.tagName === "BUTTON") && !n.labels?.length
    && !n.getAttribute("aria-label") && !n.getAttribute("aria-labelledby"))
  .map(n => n.tagName + "#" + n.id)"""


def test_contrast_and_names(visit: Visit) -> None:
    page = visit.page
    assert page.evaluate(CONTRAST) == []
    visit.put(("名单.csv", LIST), ("坏.xlsx", b"no"))
    page.select_option("#kind-2", "skip")
    page.wait_for_selector("#view-verdict.look")
    page.click("#paste-open")
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate(NAMELESS) == []
    ids: list[str] = page.evaluate("Array.from(document.querySelectorAll('[id]'), n => n.id)")
    assert len(ids) == len(set(ids))
    headings = page.evaluate("Array.from(document.querySelectorAll('h1,h2,h3'), n => n.tagName)")
    assert headings[0] == "H1"
    assert "（已遮盖，原因：" in page.text_content("#grid-box .masked")


def test_looks(visit: Visit, tmp_path: Path) -> None:
    """Pictures of the page and of the printed sheet; ``DEID_LOOKS`` keeps them for a person."""
    folder = Path(os.environ.get("DEID_LOOKS", tmp_path))
    page = visit.page
    samples = write_samples(tmp_path / "samples")
    page.set_input_files("#file", [str(path) for path in samples])
    visit.wait()
    page.select_option("#kind-5", "skip")
    page.wait_for_selector("#columns >> text=人工改判")
    page.locator("#grid-box .masked").nth(3).focus()
    page.screenshot(path=folder / "page.png", full_page=True)
    page.click("#sheet-open")
    page.wait_for_selector("#paper main")
    assert "人工改判" in page.inner_text("#paper main")
    page.emulate_media(media="print")
    assert page.is_hidden(".top")
    assert page.is_hidden(".sheet-bar")
    page.pdf(path=folder / "page-sheet.pdf", prefer_css_page_size=True)
    assert (folder / "page-sheet.pdf").read_bytes().count(b"/Type /Page\n") == 1
    page.set_viewport_size({"width": 794, "height": 1123})
    page.screenshot(path=folder / "page-sheet.png")
