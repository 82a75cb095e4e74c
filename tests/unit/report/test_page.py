# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as text; tests/integration/test_report_browser.py opens it in a browser."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbfleet.errors import UsageError
from dbfleet.overview import OverviewRequest
from dbfleet.report.html import Markup, element, raw_element
from dbfleet.report.page import page
from dbfleet.report.words import span_words
from dbfleet.report.written import ReportRequest, make_report
from tests.unit.report.sample import DAY, database, fleet, overview_of

HOSTILE = "<script>alert(1)</script>"
TEXTS = st.text(st.characters(codec=None), max_size=30) | st.sampled_from(
    [HOSTILE, '"><img src=x onerror=alert(1)>', "' onload='x", "</style>", "</script>", "<!--", "]]>", "&lt;", "\u202e"]
)


class Shape(html.parser.HTMLParser):
    """The elements and attributes of a page, without its texts and the values that come from names."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _value in attrs)))
        if tag not in ("meta", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def one_database(text: str) -> str:
    row = database(text, text, server_version=text, dbms=text, repository=text, problems=[text], state="critical")
    row["verification"] = [{**row["verification"][0], "findings": [text], "backup": text, "passed": False}]
    row["backups"] = row["backups"][-3:]
    return page([overview_of(text, [row])], title=text)


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_a_name_changes_nothing_but_texts(text: str) -> None:
    shape = Shape(one_database(text or "x"))
    assert shape.tags == Shape(one_database("plain")).tags
    assert shape.open == []
    one_database(text).encode("utf-8")


def test_the_policy_allows_the_page_s_own_style_and_script_only() -> None:
    text = page(fleet(), title="x")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    for kind in ("style", "script"):
        (content,) = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src &#x27;sha256-{digest}&#x27;" in policy[1]
    assert "default-src &#x27;none&#x27;" in policy[1]
    # Nothing that the policy would refuse: no styles, handlers or addresses of elsewhere in attributes.
    assert not re.findall(r"<[^>]+ (?:style|on[a-z]+|src)=", text)
    assert all(link.startswith("#") for link in re.findall(r'href="([^"]*)"', text))


def test_problems_are_named_and_a_fleet_that_is_well_says_so() -> None:
    text = page(fleet(), title="x")
    for problem in (
        "there is no good backup",
        "older than its objective",
        "cannot reach storage.example.com",
        "connection to db3 refused",
    ):
        assert problem in text
    assert "every one as it should be" in page([overview_of("db1", [database("shop")])], title="x")
    assert "There is no backup in any of these repositories" in page([overview_of("db1", [])], title="x")


def test_markup_is_made_of_elements_only() -> None:
    assert (
        element("p", "a < b", None, [1, Markup("<b></b>")], class_="x&y") == '<p class="x&amp;y">a &lt; b1<b></b></p>'
    )
    assert element("input", hidden=True, title=None) == "<input hidden>"
    with pytest.raises(ValueError, match="name"):
        element("p onclick=x")
    with pytest.raises(ValueError, match="end"):
        raw_element("script", "</script>")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (90, "1.5 min"),
        (7200, "2 h"),
        (93600, "26 h"),
        (2 * DAY, "2 d"),
        (3.25 * DAY, "3.2 d"),
    ],
)
def test_spans(seconds: float, words: str) -> None:
    assert span_words(seconds) == words


@pytest.mark.parametrize(
    "wrong", [{}, {"version": 2}, {"version": 1, "databases": 3}, {**fleet()[0], "databases": [{}]}]
)
def test_what_is_no_overview_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="overview"):
        make_report(ReportRequest(OverviewRequest(()), overviews=(wrong,)))


def test_nothing_to_look_at_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing to report on"):
        make_report(ReportRequest(OverviewRequest(())))
