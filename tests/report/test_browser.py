"""The report in a real browser: nothing leaves it, everything can be reached, and all of it can be read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from circuits import EDGES, example_circuit
from compared import OTHER, entries_of
from positioned import positioned_circuit
from report_contents import IMAGE, beside_of, contents_of

from acdc_custom.compare.comparison import compare_circuits
from acdc_custom.compare.page import comparison_page
from acdc_custom.report.page import report_page
from acdc_custom.report.steps import Steps

PHONE, DESKTOP = {"width": 375, "height": 812}, {"width": 1280, "height": 900}
READABLE, LARGE_READABLE = 4.5, 3.0  # WCAG 2, level AA
LIGHT_FIRST = ("light", pytest.param("dark", marks=pytest.mark.slow))  # every load of a page takes a second of CPU

# The contrast of every element that has text of its own with what lies behind it.
CONTRASTS = """() => {
  const parse = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3]));
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    if (!element) return [255, 255, 255];
    const colour = parse(getComputedStyle(element).backgroundColor);
    return colour[3] === 1 ? colour.slice(0, 3) : over(colour, behind(element.parentElement));
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest("svg, script, noscript, option") || !element.checkVisibility()) continue;
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || element.classList.contains("unread") || element.classList.contains("visually-hidden")) continue;
    const style = getComputedStyle(element);
    const back = behind(element);
    const [a, b] = [light(over(parse(style.color), back)), light(back)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    found.push([(a + 0.05) / (b + 0.05), large, element.tagName + " " + element.textContent.trim().slice(0, 30)]);
  }
  return found;
}"""

Open = Callable[..., Any]


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Open]:
    """Open a page; when the test is over, nothing may have been asked of the network or told to the console."""
    opened, asked, told = [], [], []

    def open_(path: Path, viewport: dict[str, int] = DESKTOP, fragment: str = "", **options: Any) -> Any:
        context = chromium.new_context(viewport=viewport, **options)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("dialog", lambda dialog: told.append(dialog.message) or dialog.dismiss())
        page.goto(f"{path.as_uri()}#{fragment}")
        opened.append(context)
        return page

    yield open_
    for context in opened:
        context.close()
    assert opened
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert told == []


@pytest.fixture(scope="session")
def hostile(hostile_page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile") / "report.html"
    path.write_text(hostile_page, encoding="utf-8")
    return path


def shown_panels(page: Any) -> list[str]:
    return [panel.get_attribute("data-panel") for panel in page.locator("[data-panel]:visible").all()]


def view(page: Any) -> list[float]:
    return [float(n) for n in page.locator("svg.circuit").get_attribute("viewBox").split()]


def natural(name: str) -> list[tuple[int, str]]:
    """`MLP 3` before `MLP 12`, and small letters among the others."""
    return [(int(part), "") if part.isdigit() else (0, part.lower()) for part in re.findall(r"\d+|\D+", name)]


def until(page: Any, condition: str) -> None:
    """Wait for what takes the browser a moment. (Its own way of waiting is what the page's policy forbids.)"""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(30)
    raise AssertionError(condition)


def test_hostile_text_is_shown_as_text_and_does_nothing(open_page: Open, hostile: Path) -> None:
    page = open_page(hostile)
    assert "<script>alert('gotcha')</script>" in page.inner_text("h1")
    assert page.evaluate("document.scripts.length") == 2  # ours, and the data of the viewer
    page.click('[data-node="m1"]')
    assert shown_panels(page) == ["m1"]


def test_the_policy_blocks_what_would_be_asked_of_the_network(chromium: Any, hostile: Path) -> None:
    page = chromium.new_page()
    page.goto(hostile.as_uri())
    blocked = page.evaluate(
        """async () => {
          const seen = new Promise((done) =>
            addEventListener("securitypolicyviolation", (event) => done(event.violatedDirective)),
          );
          new Image().src = "https://example.invalid/x.png";
          return await seen;
        }"""
    )
    page.close()
    assert blocked == "img-src"


def test_a_click_opens_a_nodes_panel_and_lights_its_edges_up(open_page: Open, report: Path) -> None:
    page = open_page(report)
    assert shown_panels(page) == []
    page.click('[data-node="m1"]')
    assert shown_panels(page) == ["m1"]
    lit = page.locator(".edge.touches")
    assert lit.count() > 1
    assert all("m1" in (edge.get_attribute("data-sender"), edge.get_attribute("data-receiver")) for edge in lit.all())
    other = page.locator("article:visible [data-show]").first
    name = other.get_attribute("data-show")
    other.click()
    assert shown_panels(page) == [name]
    page.click("article:visible [data-close]")
    assert shown_panels(page) == [] and page.locator(".edge.touches").count() == 0
    page.click(f'#edges [data-show="{name}"] >> nth=0')
    assert shown_panels(page) == [name]


def test_the_address_of_a_page_can_name_a_node(open_page: Open, report: Path) -> None:
    page = open_page(report, fragment="m1")
    assert shown_panels(page) == ["m1"]
    until(page, "Math.abs(document.getElementById('circuit').getBoundingClientRect().top) < 20")
    page.click('[data-node="logits"]')
    assert page.url.endswith("#logits")


def test_the_keyboard_reaches_every_node_and_opens_its_panel(open_page: Open, report: Path) -> None:
    page = open_page(report)
    page.focus("#stage")
    page.keyboard.press("Tab")
    focused = "document.activeElement.dataset.node"
    assert page.evaluate(focused) == "logits"
    page.keyboard.press("Enter")
    assert shown_panels(page) == ["logits"]
    reached = {"logits"}
    nodes = set(page.eval_on_selector_all("[data-node]", "nodes => nodes.map((n) => n.dataset.node)"))
    for key in (["ArrowRight"] * 8 + ["ArrowLeft"] * 8 + ["ArrowDown"]) * 10:
        page.keyboard.press(key)
        reached.add(page.evaluate(focused))
        if reached == nodes:
            break
    assert reached == nodes
    page.keyboard.press("Space")
    assert shown_panels(page) == [page.evaluate(focused)]
    page.keyboard.press("Escape")
    assert shown_panels(page) == []
    frame = "document.activeElement.querySelector('[fill=none], polygon:only-of-type')"
    assert page.evaluate(f"getComputedStyle({frame}).strokeWidth") == "3px"


def test_buttons_keys_wheel_and_drag_zoom_and_pan(open_page: Open, report: Path) -> None:
    page = open_page(report)
    whole = view(page)
    page.click("[data-zoom=in]")
    closer = view(page)
    assert closer[2] == pytest.approx(whole[2] / 1.4, rel=1e-3)
    page.focus("#stage")
    page.keyboard.press("ArrowRight")
    assert view(page)[0] > closer[0]
    page.keyboard.press("+")
    assert view(page)[2] < closer[2]
    page.keyboard.press("0")
    assert view(page) == whole
    box = page.locator("#stage").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 40
    page.mouse.move(x, y)
    page.mouse.wheel(0, 50)
    page.wait_for_timeout(50)
    assert view(page) == whole  # the wheel alone scrolls
    page.locator("#stage").scroll_into_view_if_needed()
    box = page.locator("#stage").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    until(page, f"document.querySelector('svg.circuit').viewBox.baseVal.width < {whole[2] - 1}")
    before = view(page)
    page.mouse.down()
    page.mouse.move(x - 80, y - 30, steps=4)
    page.mouse.up()
    after = view(page)
    assert after[0] > before[0] and after[1] > before[1] and after[2] == before[2]
    assert shown_panels(page) == []  # a drag is no click
    page.click("[data-zoom=fit]")
    assert view(page) == whole


def test_two_fingers_zoom(open_page: Open, report: Path) -> None:
    page = open_page(report, PHONE, has_touch=True)
    page.locator("#stage").scroll_into_view_if_needed()
    whole = view(page)
    box = page.locator("#stage").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: float) -> None:
        session.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": x + dx, "y": y, "id": n} for n, dx in enumerate(points)]},
        )

    touch("touchStart", -20, 20)
    for distance in (30, 45, 60):
        touch("touchMove", -distance, distance)
    touch("touchEnd")
    assert view(page)[2] < whole[2] / 2


def test_the_attention_viewer_shows_what_the_data_say(open_page: Open, report: Path) -> None:
    page = open_page(report)
    data = page.evaluate("JSON.parse(document.getElementById('attention-data').textContent)")
    page.click("#attention-heads button >> nth=1")
    page.select_option("#attention-prompt", "1")
    tokens = data["prompts"][1][1]
    row = data["patterns"][1][1][-1]
    assert page.locator("#attention-text").inner_text().split() == "".join(tokens).split()
    best = max(range(len(row)), key=lambda key: row[key])
    first = page.locator("#attention-list li").first
    assert first.locator(".token").inner_text() == f"{tokens[best].strip()} ({best + 1})"
    assert float(first.locator(".share").inner_text().split()[0]) == pytest.approx(row[best] / 10, abs=0.51)
    spans = page.locator("#attention-text span")
    spans.last.focus()
    page.keyboard.press("Home")
    assert page.locator("#attention-list li").count() == 1  # the first token sees itself alone
    page.keyboard.press("ArrowRight")
    assert spans.nth(1).get_attribute("aria-pressed") == "true"
    page.select_option("#attention-direction", "read")
    column = [data["patterns"][1][1][query][1] for query in range(1, len(tokens))]
    best = 1 + max(range(len(column)), key=lambda query: column[query])
    assert page.locator("#attention-list .token").first.inner_text() == f"{tokens[best].strip()} ({best + 1})"
    spans.nth(3).hover()
    assert "token 4," in page.locator("#attention-said").inner_text()


def test_the_whole_attention_is_a_matrix_of_cells(open_page: Open, hostile: Path) -> None:
    page = open_page(hostile)
    page.click("#attention-whole summary")
    cells = "[...document.querySelectorAll('.matrix rect title')].map((title) => title.textContent)"
    until(page, "document.querySelectorAll('.matrix rect').length > 0")
    found = page.evaluate(cells)
    assert len(found) == 6 and found[-1] == "is → is: 38 %", "who looks, at whom: the lower half of 3 by 3"
    page.select_option("#attention-prompt", "1")
    assert page.evaluate(cells) == ["A → A: 100 %", "⏎ → A: 50 %", "⏎ → ⏎: 50 %"]
    assert page.locator(".matrix svg").get_attribute("aria-label").startswith("Attention of L1H0 on other")


def test_a_panel_leads_to_the_attention_of_its_head(open_page: Open, report: Path) -> None:
    page = open_page(report)
    link = page.locator("[data-head-link]").last
    head = link.get_attribute("data-head-link")
    page.click(f'[data-node="{head}"]')
    link.click()
    assert page.locator(f'#attention-heads [data-head="{head}"]').get_attribute("aria-pressed") == "true"
    until(page, "document.getElementById('attention').getBoundingClientRect().top < innerHeight")


def test_tables_sort_both_ways(open_page: Open, report: Path) -> None:
    page = open_page(report)
    effects = "[...document.querySelectorAll('#edges td.number')].map((cell) => Number(cell.dataset.value))"
    names = "[...document.querySelectorAll('#edges tbody tr')].map((row) => row.cells[0].textContent)"
    assert page.evaluate(effects) == sorted(page.evaluate(effects), reverse=True)
    page.click("#edges th.number button")
    assert page.evaluate(effects) == sorted(page.evaluate(effects))
    page.click("#edges th >> nth=0 >> button")
    assert page.evaluate(names) == sorted(page.evaluate(names), key=natural)
    assert page.locator("#edges th[aria-sort]").get_attribute("aria-sort") == "ascending"


@pytest.mark.parametrize(
    ("which", "scheme"),
    [
        ("hostile", "dark"),
        pytest.param("hostile", "light", marks=pytest.mark.slow),
        pytest.param("full_report", "dark", marks=pytest.mark.slow),
        pytest.param("full_report", "light", marks=pytest.mark.slow),
    ],
)
def test_all_text_has_enough_contrast(open_page: Open, which: str, scheme: str, request: pytest.FixtureRequest) -> None:
    page = open_page(request.getfixturevalue(which), color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    page.click('[data-node="m1"]')
    found = page.evaluate(CONTRASTS)
    assert len(found) > 100
    weak = [(round(ratio, 2), text) for ratio, large, text in found if ratio < (LARGE_READABLE if large else READABLE)]
    assert weak == []
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")


@pytest.mark.parametrize(
    ("which", "width"),
    [
        pytest.param(which, width, marks=() if which == "hostile" and width in (320, 1280) else pytest.mark.slow)
        for which in ("full_report", "hostile")
        for width in (320, 375, 768, 1280, 2200)
    ],
)
def test_the_page_never_scrolls_sideways(
    open_page: Open, which: str, width: int, request: pytest.FixtureRequest
) -> None:
    page = open_page(request.getfixturevalue(which), {"width": width, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    page.click('[data-node="m1"]')
    assert page.evaluate("document.documentElement.scrollWidth") <= width


# -- what of the picture is shown, on a page that is made by hand --------------------------------------------


@pytest.fixture(scope="session")
def filtered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page about the second of a path's circuits, which has two of four edges."""
    large = example_circuit()
    small = replace(large, edges=large.edges[:2])
    steps = Steps(("threshold 0.01: 4 edges", "threshold 0.1: 2 edges"), (large, small), 1)
    path = tmp_path_factory.mktemp("filtered") / "report.html"
    beside = replace(beside_of(small), steps=steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("acdc_custom.report.figures._address", lambda figure: IMAGE)
        path.write_text(report_page(contents_of(small, "words"), beside), encoding="utf-8")
    return path


def seen(page: Any, what: str = "data-edge") -> set[str]:
    """The names of the edges or nodes that are seen."""
    marks = page.locator(f"svg.circuit [{what}]").all()
    return {str(mark.get_attribute(what)) for mark in marks if mark.is_visible()}


@pytest.mark.parametrize("scheme", LIGHT_FIRST)
def test_the_threshold_moves_through_the_circuits_of_a_path(open_page: Open, filtered: Path, scheme: str) -> None:
    page = open_page(filtered, color_scheme=scheme)
    small = {"m1 -> logits", "a1.h0 -> m1"}
    assert seen(page) == small and seen(page, "data-node") == {"logits", "m1", "a1.h0"}
    assert page.locator("#step-said").inner_text() == "threshold 0.1: 2 edges"
    page.focus("#step-filter")
    page.keyboard.press("ArrowLeft")
    assert seen(page) == {*small, "embed -> a1.kv0.k", "embed -> m1"} and "embed" in seen(page, "data-node")
    assert page.locator("#step-said").inner_text() == "threshold 0.01: 4 edges"
    assert page.locator("#step-filter").get_attribute("aria-valuetext") == "threshold 0.01: 4 edges"
    weak = [text for ratio, large, text in page.evaluate(CONTRASTS) if ratio < (LARGE_READABLE if large else READABLE)]
    assert weak == []


def test_edges_below_an_effect_go_and_arrow_keys_pass_over_what_is_gone(open_page: Open, hostile: Path) -> None:
    page = open_page(hostile)
    assert len(seen(page)) == 4 and page.locator("#effect-said").inner_text() == "all"
    page.focus("#effect-filter")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert seen(page) == {"m1 -> logits", "a1.h0 -> m1"}
    assert page.locator("#effect-said").inner_text() == "from 0.50: 2 edges"
    page.focus('[data-node="m1"]')
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.node") == "a1.h0"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.node") == "a1.h0", "nothing below it is seen"


def test_the_heads_of_a_role_stand_out(open_page: Open, hostile: Path) -> None:
    page = open_page(hostile)
    page.select_option("#role-filter", label="name mover (1)")
    faded = page.eval_on_selector_all(".node.faded", "nodes => nodes.map((node) => node.dataset.node)")
    assert "a1.h0" not in faded and "m1" in faded
    assert page.locator('[data-edge="a1.h0 -> m1"].faded').count() == 0
    page.select_option("#role-filter", "")
    assert page.locator(".faded").count() == 0


def test_a_click_on_an_edge_tells_its_effect_and_a_table_does_so_by_keyboard(open_page: Open, hostile: Path) -> None:
    page = open_page(hostile)
    page.locator('[data-edge="m1 -> logits"]').click()
    assert page.locator("#edge-said").inner_text() == "MLP 1 → logits: effect 1.5 nats"
    page.focus('[data-show-edge="embed -> a1.kv0.k"]')
    page.keyboard.press("Enter")
    assert page.locator("#edge-said").inner_text() == "embed → L1 kv0, its key: effect 0.25 nats"
    assert page.evaluate("document.activeElement.id") == "edge-said"
    assert page.locator(".told").count() == 1


@pytest.mark.parametrize("viewport", [{"width": 500, "height": 800}, {"width": 1280, "height": 800}], ids=str)
def test_the_first_screen_has_the_finding_and_the_whole_picture(
    open_page: Open, filtered: Path, viewport: dict[str, int]
) -> None:
    page = open_page(filtered, viewport)
    lead, stage = page.locator(".lead"), page.locator("#stage").bounding_box()
    assert "1 name mover (L1H0)" in lead.inner_text() and "has been evaluated" in lead.inner_text()
    assert lead.bounding_box()["y"] < stage["y"] < 650
    assert viewport["width"] < 1000 or stage["y"] + stage["height"] <= viewport["height"] + 60
    assert view(page)[2] >= float(page.locator("svg.circuit").get_attribute("data-width")), "all of it is in view"
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.locator("nav.contents").is_visible()


def pinned(page: Any) -> list[str]:
    return sorted(page.eval_on_selector_all(".node.pinned", "nodes => nodes.map((node) => node.dataset.node)"))


def test_pinned_nodes_are_a_group_with_a_name_that_is_saved_and_read_again(
    open_page: Open, filtered: Path, tmp_path: Path
) -> None:
    page = open_page(filtered)
    save = page.locator("[data-pins=save]")
    assert pinned(page) == [] and save.is_disabled()
    page.focus('[data-node="m1"]')
    page.keyboard.press("p")
    assert pinned(page) == ["m1"] and page.locator("#pins-said").inner_text() == "MLP 1 is pinned; 1 node pinned."
    page.click('[data-node="a1.h0"]')
    page.click("article:visible [data-pin]")
    assert page.locator("article:visible [data-pin]").get_attribute("aria-pressed") == "true"
    assert pinned(page) == ["a1.h0", "m1"]
    page.fill("#pins-name", "Name movers / all")
    with page.expect_download() as told:
        save.click()
    saved = tmp_path / "saved.json"
    told.value.save_as(saved)
    assert told.value.suggested_filename == "Name_movers_all.json"
    content = json.loads(saved.read_text(encoding="utf-8"))
    assert content == {**content, "schema": 1, "name": "Name movers / all", "nodes": ["a1.h0", "m1"]}
    page.focus('#pins-list [data-unpin="m1"]')
    page.keyboard.press("Enter")
    assert pinned(page) == ["a1.h0"] and page.evaluate("document.activeElement.dataset.unpin") == "a1.h0"
    page.click("[data-pins=clear]")
    assert pinned(page) == []
    other = open_page(filtered)
    content["nodes"].append("a9.h9")
    saved.write_text(json.dumps(content), encoding="utf-8")
    other.set_input_files("#pins-file", saved)
    until(other, "document.querySelectorAll('.node.pinned').length === 2")
    assert pinned(other) == ["a1.h0", "m1"] and other.input_value("#pins-name") == "Name movers / all"
    assert other.locator("#pins-said").inner_text() == "2 nodes read from saved.json. Not in this picture: a9.h9."


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        pytest.param("null", marks=pytest.mark.slow),
        pytest.param('{"schema": 2, "nodes": []}', marks=pytest.mark.slow),
        '{"schema": 1, "nodes": "m1"}',
    ],
)
def test_a_file_that_holds_no_group_is_told_and_pins_nothing(open_page: Open, filtered: Path, text: str) -> None:
    page = open_page(filtered)
    page.evaluate(
        """(text) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([text], "other.json"));
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        text,
    )
    until(page, "document.getElementById('pins-said').textContent.startsWith('other.json holds no group')")
    assert pinned(page) == []


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("scheme", LIGHT_FIRST)
def test_the_picture_without_positions_stands_beside_the_one_in_positions_where_there_is_room(
    tmp_path: Path, open_page: Open, scheme: str
) -> None:
    path = tmp_path / "report.html"
    path.write_text(report_page(contents_of(positioned_circuit(), "a word")), encoding="utf-8")
    page = open_page(path, {"width": 1440, "height": 900}, color_scheme=scheme)
    stage, merged = (page.locator(name).bounding_box() for name in ("#stage", ".merged"))
    assert stage["x"] + stage["width"] <= merged["x"] and merged["y"] < stage["y"] + stage["height"]
    assert page.locator("svg.plain-circuit").bounding_box()["width"] > 300
    page.get_by_label("larger").check()
    large = page.locator(".merged").bounding_box()
    assert large["width"] > 1.8 * merged["width"] and large["y"] > stage["y"] + stage["height"]
    narrow = open_page(path, {"width": 500, "height": 900}, color_scheme=scheme)
    stage, merged = (narrow.locator(name).bounding_box() for name in ("#stage", ".merged"))
    assert merged["y"] > stage["y"] + stage["height"] and merged["width"] <= 500
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 500
    assert not narrow.get_by_label("larger").is_visible(), "it is as large as the window is wide"


def test_words_at_a_position_are_listed_with_their_counts_and_the_rare_ones_are_a_click_away(
    open_page: Open, filtered: Path
) -> None:
    page = open_page(filtered, {"width": 500, "height": 800})
    row = page.locator("#places tbody tr").first
    said = row.inner_text().replace("\xa0", " ")
    assert "words0 2, words1 2" in said and "corrupted: words 28" in said and "words13 2" not in said
    row.locator("summary").focus()
    page.keyboard.press("Enter")
    assert "words12 2, words13 2" in row.inner_text().replace("\xa0", " ")


def test_reduced_motion_is_respected(open_page: Open, report: Path) -> None:
    behaviour = "getComputedStyle(document.documentElement).scrollBehavior"
    page = open_page(report)
    assert page.evaluate(behaviour) == "smooth"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(behaviour) == "auto"


def test_print_is_light_and_without_controls(open_page: Open, report: Path) -> None:
    page = open_page(report, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("button:visible").count() == 0


def test_without_scripts_the_words_and_the_picture_are_there(open_page: Open, report: Path) -> None:
    page = open_page(report, java_script_enabled=False)
    assert page.locator("svg.circuit").is_visible()
    assert page.locator("[data-panel]:visible").count() > 3
    assert page.locator("noscript p").is_visible()


@pytest.mark.parametrize("scheme", LIGHT_FIRST)
def test_a_comparison_opens_is_readable_and_shows_what_a_node_is_in_each_circuit(
    open_page: Open, scheme: str, tmp_path: Path
) -> None:
    path = tmp_path / "comparison.html"
    path.write_text(comparison_page(compare_circuits(entries_of(EDGES, OTHER), draws=20)), encoding="utf-8")
    page = open_page(path, PHONE, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    assert shown_panels(page) == []
    page.click('[data-node="a1.h0"]')
    assert shown_panels(page) == ["a1.h0"]
    assert "induction" in page.locator('[data-panel="a1.h0"]').inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    weak = [text for ratio, large, text in page.evaluate(CONTRASTS) if ratio < (LARGE_READABLE if large else READABLE)]
    assert weak == []
