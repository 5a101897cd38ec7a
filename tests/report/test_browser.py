"""The page as people meet it: in a real Chromium, by mouse and keyboard, on paper, by axe."""

import math
import os
import re
import shutil
import warnings
from pathlib import Path

import polars as pl
import pytest

from gnnseg.report import choice, many, page
from tests.report.test_choice import BEHIND, WORSE, record, row

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
WRITTEN = {}
WIDTHS = {"desktop": 1400, "tablet": 1024, "phone": 390}
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser():
    with warnings.catch_warnings(), playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        found = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield found
        found.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Open a page's text from a file: ``opened(text)``; no error on the console at the end."""
    said, contexts = [], []

    def show(text, width=1400, **how):
        path = tmp_path / "page.html"
        path.write_text(text, "utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, **how)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("request", lambda request: said.append(request.url) if "file" not in request.url
               else None)  # fmt: skip
        tab.goto(path.as_uri())
        return tab

    yield show
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture(scope="module")
def axe():
    package = pytest.importorskip("axe_playwright_python")
    script = (Path(package.__file__).parent / "axe.min.js").read_text("utf-8")

    def violations(tab, rules="{}"):
        tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        tab.evaluate(script)
        found = tab.evaluate(f"axe.run(document, {rules}).then(result => result.violations)")
        return [(each["id"], each["nodes"][0]["html"][:200]) for each in found]

    return violations


@pytest.fixture
def written(full_run):
    """The text of a full page, made once: ``written(people=False)``."""

    def text(people=False):
        if people not in WRITTEN:
            WRITTEN[people] = page.render(full_run()[0], people=people)
        return WRITTEN[people]

    return text


def column(tab, number):
    return tab.locator(f"#segments ~ .scroll tbody tr td:nth-child({number})").all_inner_texts()


def numbers(texts):
    return [float(re.sub(r"[^\d.−-]", "", each.split()[0]).replace("−", "-")) for each in texts]


def test_axe_finds_nothing(opened, axe, written):
    tab = opened(written(people=True), color_scheme="light")
    tab.fill("#who", "u12")
    tab.wait_for_selector("#found li")
    assert axe(tab) == []
    tab.emulate_media(color_scheme="dark")
    assert axe(tab, "{runOnly: ['color-contrast']}") == []


@pytest.mark.parametrize("width", WIDTHS)
def test_every_chart_is_drawn_and_nothing_is_wider_than_the_screen(opened, written, width):
    tab = opened(written(), WIDTHS[width])
    assert tab.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]
    titles = tab.locator("svg > title").all_text_contents()
    assert titles[:4] == [
        "Who the people are, and who brings the revenue", "A map of people",
        "What each segment takes, by category", "Who moved where",
    ]  # fmt: skip
    boxes = tab.evaluate(
        "[...document.querySelectorAll('svg')].filter(s => s.checkVisibility())"
        ".map(s => [s.getBoundingClientRect().width, s.querySelectorAll('path').length])"
    )
    assert len(boxes) == 4
    assert all(wide > 150 and paths > 5 for wide, paths in boxes)


def test_a_heading_sorts_by_mouse_and_by_keyboard(opened, written):
    tab = opened(written())
    head = tab.get_by_role("button", name="revenue")
    head.click()
    money = numbers(column(tab, 3))
    assert money == sorted(money, reverse=True)
    assert tab.locator("th[aria-sort=descending]").inner_text().startswith("revenue")
    tab.keyboard.press("Enter")
    assert numbers(column(tab, 3)) == sorted(money)
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Space")
    people = numbers(column(tab, 2))
    assert people == sorted(people, reverse=True)
    assert tab.locator("th[aria-sort]").count() == 1


def test_a_box_filters_the_segments(opened, written):
    tab = opened(written())
    box = tab.get_by_label("Filter")
    box.fill("wine & chee")
    shown = tab.locator("table.tools tbody tr:visible")
    assert shown.count() == 1
    assert "1 of 6" in tab.locator(".filters").inner_text()
    box.fill("חלה")
    assert "שבת" in shown.first.inner_text()
    box.fill("")
    assert shown.count() == 6


def test_a_customer_is_found_with_why_and_what_to_recommend(opened, full_run):
    path, _ = full_run()
    lists = pl.read_parquet(path / "recommendations.parquet")
    tab = opened(page.render(path, people=True))
    tab.fill("#who", "u12")
    first = tab.locator("#found li").first
    first.wait_for()
    assert first.locator("h3").inner_text() == "u12"  # the very one before those that contain it
    row = pl.read_parquet(path / "segments.parquet").filter(pl.col("user") == "u12").to_dicts()[0]
    said = first.inner_text()
    assert f"Segment {row['segment']}" in said
    assert f"the same in {row['sure']:.0%} of the refits" in said
    mine = lists.filter(kind="user", id="u12").sort("rank").head(5).select("name", "score")
    offers = [f"{name} {100 * math.exp(score):.2g}%" for name, score in mine.rows()]
    assert said.endswith("the next thing they take: " + " · ".join(offers))
    assert "11 found" in tab.locator("#found-count").inner_text()  # u12, u120 … u129
    tab.fill("#who", "zofia")  # Žofia, by name, without her accent
    tab.wait_for_function("document.querySelector('#found-count').textContent.startsWith('1 ')")
    assert tab.locator("#found h3").inner_text().startswith("u7, Žofia")
    tab.fill("#who", "nobody")
    tab.wait_for_function("document.querySelector('#found').children.length === 0")
    assert "0 found" in tab.locator("#found-count").inner_text()


def test_a_link_unfolds_what_it_leads_to(opened, written):
    tab = opened(written())
    card = tab.locator("#segment-2")
    assert not card.is_visible()
    tab.locator("a[href='#segment-2']").first.click()
    card.wait_for(state="visible")


def test_without_script_all_is_there_to_read(opened, written):
    tab = opened(written(people=True), java_script_enabled=False)
    assert tab.locator("#segments ~ .scroll tbody tr").count() == 6
    assert "segments.parquet" in tab.locator("section[aria-labelledby=customers]").inner_text()


def test_the_policy_stops_every_other_script(browser, written, tmp_path):
    text = written().replace("</main>", "<script>window.bad = 1</script></main>")
    (tmp_path / "page.html").write_text(text, "utf-8")
    tab = browser.new_page()
    tab.goto((tmp_path / "page.html").as_uri())
    assert tab.evaluate("window.bad") is None
    assert tab.locator("thead button").count() > 5  # ours ran
    tab.close()


@pytest.mark.parametrize(
    "sizes", [{}, {"k": 1, "users": 60, "since": False}, {"k": 256, "users": 3000, "items": 60}]
)
def test_it_prints_on_four_pages_at_most(opened, full_run, sizes):
    tab = opened(page.render(full_run(**sizes)[0], people=False))
    printed = tab.pdf(prefer_css_page_size=True)
    pages = len(re.findall(rb"/Type\s*/Page\b(?!s)", printed))
    assert 1 <= pages <= 4
    tab.emulate_media(media="print")
    tab.set_viewport_size({"width": 703, "height": 1000})  # A4 less its margins
    wide = tab.evaluate(
        "[...document.querySelectorAll('table,svg')].filter(e => e.checkVisibility())"
        ".map(e => e.getBoundingClientRect().right)"
    )
    assert max(wide) <= 704  # no table is cut at the right


@pytest.mark.parametrize("kind", ["dot", "affinity"])
def test_a_folder_of_before_and_one_without_segments(opened, axe, make_run, kind):
    tab = opened(page.render(make_run(kind, users=200)[0]))
    assert axe(tab) == []
    assert tab.locator("h1").inner_text() == "toy"


def test_the_pages_of_choices_and_of_sweeps(opened, axe, make_run):
    assert axe(opened(choice.page(record([WORSE, BEHIND, row(8)], 4, 8)))) == []
    runs = [make_run(users=60, k=3, name="one")[0], make_run("dot", name="two")[0]]
    assert axe(opened(many.page("night <b>", runs)[0])) == []
