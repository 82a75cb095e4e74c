# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report in a real browser: it opens without a complaint or the network, sorts, filters and shows what is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from dbfleet.report.page import page as report
from tests.servers.errors import ServerUnavailable
from tests.servers.install import install, program_environment
from tests.servers.registry import BROWSER
from tests.unit.report.sample import NOW, database, fleet, overview_of

TITLE = "Backups of <the> fleet & more"
HOSTILE = "</title><script>document.title='owned'</script>\"'><img src=x onerror=\"document.title='owned'\">\u202e"


FONTS = "<?xml version='1.0'?><!DOCTYPE fontconfig SYSTEM 'fonts.dtd'><fontconfig><dir>{}</dir></fontconfig>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser in ``$DBFLEET_TEST_BROWSER``, else one that is downloaded as the servers are."""
    program, environment = os.environ.get("DBFLEET_TEST_BROWSER"), dict(os.environ)
    if program is None:
        try:
            folder = install(BROWSER)
        except ServerUnavailable as error:
            pytest.skip(f"no browser: {error.reason}; name one in $DBFLEET_TEST_BROWSER")
        program = str(folder / BROWSER.programs[0])
        fonts = tmp_path_factory.mktemp("fonts") / "fonts.conf"
        fonts.write_text(FONTS.format(folder / "usr/share/fonts"))
        environment = {**program_environment(BROWSER, folder), "FONTCONFIG_FILE": str(fonts)}
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"], env=environment)
        yield started
        started.close()


def opened(browser: Browser, folder: Path, overviews: list[dict[str, Any]], **context: Any) -> tuple[Page, list[str]]:
    """The page, and everything that the browser complains about or asks the network for."""
    path = folder / "report.html"
    path.write_text(report(overviews, title=TITLE), encoding="utf-8")
    shown = browser.new_context(**context).new_page()
    complaints: list[str] = []
    shown.on("console", lambda message: complaints.append(message.text))
    shown.on("pageerror", lambda error: complaints.append(str(error)))
    shown.on("request", lambda request: complaints.append(request.url) if request.url != path.as_uri() else None)
    shown.goto(path.as_uri())
    return shown, complaints


def names(shown: Page) -> list[str]:
    return shown.locator("#databases tbody tr:visible th").all_inner_texts()


def test_it_opens_sorts_and_filters(browser: Browser, tmp_path: Path) -> None:
    shown, complaints = opened(browser, tmp_path, fleet())
    expect(shown).to_have_title(TITLE)
    # Problems come first, and the worst of the databases.
    assert shown.locator("main section").first.get_attribute("id") == "problems"
    assert "there is no good backup" in shown.locator("#problems").inner_text()
    assert names(shown)[:3] == ["import staging", "shop", "events"]
    assert shown.locator("#databases tbody tr").count() == 10

    size = shown.get_by_role("columnheader", name="Size").get_by_role("button")
    shown.locator("#databases").get_by_role("button", name="Size").click()
    assert names(shown)[1] == "(globals)"
    shown.locator("#databases").get_by_role("button", name="Size").click()
    assert names(shown)[0] == "events"
    assert shown.locator("#databases th[aria-sort=descending]").inner_text().startswith("Size")
    assert size.count() >= 1

    shown.get_by_role("searchbox").fill("forum mysql")
    assert names(shown) == ["forum", "forum_archive"]
    assert shown.locator("#shown").inner_text() == "2"
    assert shown.locator("#calendar tbody tr:visible").count() == 2
    shown.get_by_role("searchbox").fill("")
    shown.get_by_role("button", name="Critical").click()
    assert sorted(names(shown)) == ["events", "import staging", "shop"]
    assert complaints == []


def test_it_says_the_same_without_its_script(browser: Browser, tmp_path: Path) -> None:
    shown, complaints = opened(browser, tmp_path, fleet(), java_script_enabled=False)
    assert len(names(shown)) == 10
    assert shown.locator("#search").is_hidden()
    assert shown.locator("#databases thead button").count() == 0
    assert complaints == []


def test_nothing_that_a_name_says_is_run(browser: Browser, tmp_path: Path) -> None:
    row = {**database(HOSTILE, HOSTILE), "problems": [HOSTILE], "state": "critical", "server_version": HOSTILE}
    row["verification"][0].update(passed=False, findings=[HOSTILE], level=HOSTILE)
    damaged = [{"repository": HOSTILE, "path": HOSTILE, "error": HOSTILE}]
    shown, complaints = opened(browser, tmp_path, [overview_of(HOSTILE, [row], damaged=damaged)])
    shown.get_by_role("searchbox").fill("owned")
    expect(shown).to_have_title(TITLE)
    assert "<script>document.title='owned'</script>" in names(shown)[0]
    assert shown.locator("img").count() == 0
    assert shown.locator("script").count() == 1
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_and_can_be_read(browser: Browser, tmp_path: Path, scheme: Any, width: int) -> None:
    viewport: Any = {"width": width, "height": 800}
    shown, _complaints = opened(browser, tmp_path, fleet(), color_scheme=scheme, viewport=viewport)
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    ratios = shown.evaluate(CONTRASTS)
    assert ratios
    assert min(ratios.values()) >= 4.5, ratios


def test_every_picture_and_field_has_a_name(browser: Browser, tmp_path: Path) -> None:
    shown, _complaints = opened(browser, tmp_path, fleet())
    assert shown.locator("svg:not([aria-hidden]):not([aria-label])").count() == 0
    assert shown.locator("svg[aria-label*='days with backups']").count() == 10
    assert shown.locator("html[lang=en]").count() == 1
    assert shown.locator("table:not([aria-label])").count() == 0
    assert shown.get_by_label("Find").count() == 1
    assert shown.locator("h1").count() == 1


def test_it_can_be_printed(browser: Browser, tmp_path: Path) -> None:
    shown, _complaints = opened(browser, tmp_path, fleet())
    printed = shown.pdf(prefer_css_page_size=True)
    assert printed.startswith(b"%PDF")
    shown.emulate_media(media="print")
    assert shown.locator(".tools").is_hidden()
    assert shown.locator("nav").is_hidden()


def test_a_page_of_a_large_fleet_stays_usable(browser: Browser, tmp_path: Path) -> None:
    rows = [database(f"database_{number}") for number in range(120)]
    shown, complaints = opened(browser, tmp_path, [overview_of("db1", rows)])
    shown.get_by_role("searchbox").fill("database_119")
    assert names(shown) == ["database_119"]
    assert NOW.strftime("%Y-%m-%d") in shown.locator("header").inner_text()
    assert complaints == []


# Of every style of text on the page, the ratio of contrast as WCAG 2 defines it.
CONTRASTS = """() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * x + .7152 * y + .0722 * z;
  };
  const ground = node => {
    for (let one = node; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = {};
  for (const node of document.querySelectorAll("h1, h2, p, td, th, b, span, a, summary, figcaption, button, li")) {
    if (!node.textContent.trim() || node.closest("[hidden]") || !node.getClientRects().length) continue;
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    const key = node.tagName + "." + node.className;
    found[key] = Math.min(found[key] ?? 99, (a + .05) / (b + .05));
  }
  return found;
}"""
