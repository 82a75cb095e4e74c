# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

from dbfleet.summary import backup_summary, planned_summary
from tests.unit.repository.samples import make_manifest
from tests.unit.small_engine import SmallSource


def test_a_backup_as_plain_data() -> None:
    summary = backup_summary(make_manifest(), path="/backups/x")
    assert json.loads(json.dumps(summary)) == summary, "nothing but what JSON has"
    assert summary["path"] == "/backups/x"
    assert summary["size"] == 69
    assert summary["rows"] == 3
    assert summary["table_count"] == len(summary["tables"]) == 1
    assert set(summary["tables"][0]) == {"schema", "name", "rows", "bytes", "sha256"}
    assert set(summary["checksums"]) == {"shop.dump"}
    assert summary["snapshot"]["lsn"] == "0/16B3748"


def test_without_tables_there_is_their_number() -> None:
    summary = backup_summary(make_manifest(), path="/x", tables=False)
    assert "tables" not in summary
    assert summary["table_count"] == 1


def test_a_planned_backup_has_the_names_of_a_finished_one() -> None:
    planned = planned_summary(SmallSource().plan(), cluster="main", path="/x")
    finished = backup_summary(make_manifest(), path="/x")
    assert set(planned) - set(finished) == {"estimated_size"}
    assert json.loads(json.dumps(planned)) == planned
