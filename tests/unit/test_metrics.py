# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from dbfleet.metrics import FAMILIES, metrics_text
from tests.unit.report.sample import archive, database, fleet, job, overview_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
NAMES = re.compile(r"\bdbfleet_[a-z_]+\b")
#: In the guide and the playbook, names that are no metrics.
OTHERS = {"dbfleet_progress_interval", "dbfleet_report_output", "dbfleet_report_repositories"}


def test_a_fleet_has_every_series_and_the_official_parser_reads_it() -> None:
    found: set[str] = set()
    for one in fleet():
        for family in text_string_to_metric_families(metrics_text(one)):
            assert family.type in ("gauge", "counter")
            found |= {sample.name for sample in family.samples}
    assert found == set(FAMILIES)


def test_the_guide_the_rules_and_the_dashboard_name_series_that_there_are() -> None:
    guide = set(NAMES.findall((DOCS / "monitoring.md").read_text(encoding="utf-8")))
    assert guide - OTHERS == set(FAMILIES)
    rules = yaml.safe_load((DOCS / "alert-rules.yml").read_text(encoding="utf-8"))
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text(encoding="utf-8"))
    expressions += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    for expression in expressions:
        named = set(NAMES.findall(expression))
        assert named
        assert named <= set(FAMILIES), expression


@given(name=st.text(st.characters(codec=None), min_size=1, max_size=20), other=st.text(max_size=10))
def test_no_name_can_break_a_line_or_a_label(name: str, other: str) -> None:
    databases = [database(name, other), database(f"{name}x", other)]
    text = metrics_text(overview_of("host", databases, jobs=[job(name)], archives=[archive(other)]))
    text.encode("utf-8")
    rows = [
        sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "dbfleet_backup_rows"
    ]
    assert len(rows) == 2
    if name.isprintable() and other.isprintable():
        assert [(row.labels["database"], row.labels["cluster"]) for row in rows] == [(name, other), (f"{name}x", other)]


@pytest.mark.parametrize("missing", ["newest", "window"])
def test_what_is_not_there_has_no_series(missing: str) -> None:
    text = metrics_text(overview_of("host", [database("shop", **{missing: None, "verification": []})]))
    names = {family.name for family in text_string_to_metric_families(text)}
    assert "dbfleet_backup_state" in names
    assert ("dbfleet_backup_rows" in names) is (missing != "newest")
    assert "dbfleet_verification_success" not in names
