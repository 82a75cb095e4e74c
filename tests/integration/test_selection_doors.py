# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of a part of a PostgreSQL database, started by the command and by the module."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.doors import World, filled_world
from tests.integration.playbooks import Playbooks
from tests.servers.fixtures import Database

COMMAND = str(Path(sys.executable).parent / "dbfleet")


@pytest.fixture
def world(pg_latest_database: Database) -> Iterator[World]:
    with filled_world("postgresql", pg_latest_database) as made:
        made.database.execute(
            "CREATE SCHEMA audit",
            "CREATE TABLE audit.log (id integer PRIMARY KEY, note text)",
            "INSERT INTO audit.log SELECT g, 'n' FROM generate_series(1, 5) g",
            "COMMENT ON TABLE audit.log IS 'who did what'",
        )
        yield made


def run(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "backup", "postgresql", *world.connection(), "--database", world.name, *words, "--json"],
        env={**os.environ, world.password_variable: world.password},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_takes_a_part(world: World, tmp_path: Path) -> None:
    (tmp_path / "filter").write_text("include schema audit # and nothing else\nexclude table_data audit.nothing\n")
    done = run(
        world, "--dest", str(tmp_path / "part.sql"), "--format", "plain", "--filter", str(tmp_path / "filter"),
        "--no-comments", "--section", "pre-data", "--section", "data", "--no-owner",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)["backup"]
    assert [(table["schema"], table["name"], table["rows"]) for table in made["tables"]] == [("audit", "log", 5)]
    script = (tmp_path / "part.sql").read_text()
    assert "COPY audit.log (id, note) FROM stdin;\n1\tn\n" in script
    assert not any(word in script for word in ("COMMENT ON", "OWNER TO", "PRIMARY KEY", "orders"))
    manifest = json.loads((tmp_path / "part.sql.manifest.json").read_text())["contents"]
    assert manifest["options"]["schemas"] == ["audit"]
    assert manifest["options"]["without"] == ["comments"]

    for words, status, message in (
        (("--table", "nothing"), 1, "no table of database"),
        (("--section", "middle"), 2, "unknown section 'middle'"),
        (("--no-owner",), 2, "no_owner means something only for the format plain"),
        (("--filter", str(tmp_path / "nowhere")), 1, "there is no filter file"),
        (("--schema-only", "--data-only"), 2, "exclude each other"),
    ):
        done = run(world, "--dest", str(tmp_path / "no.dump"), *words)
        assert done.returncode == status, done.stderr
        assert message in done.stdout + done.stderr
    assert not (tmp_path / "no.dump").exists()


def test_the_module_takes_a_part(world: World, playbooks: Playbooks, tmp_path: Path) -> None:
    def backup(**options: object) -> dict[str, object]:
        where = {"repository": str(tmp_path / "repository"), "database": world.name}
        return {"dbfleet.backup.native_backup": {**world.module_connection(), **where, **options}}

    played = playbooks.play(
        backup(filters=["include table audit.*", "exclude table_data audit.log"], no_comments=True),
        backup(exclude_tables=["*"], strict_names=True, no_privileges=True, sections=["data"]),
        {**backup(schemas=["nothing"]), "ignore_errors": True},
        {**backup(filters=["include nothing a"]), "ignore_errors": True},
    )
    definition, data, unmatched, wrong = played.results
    assert definition["backup"]["objects"].get("table") == 1, played.output
    assert definition["backup"]["tables"] == []
    assert [(table["schema"], table["rows"]) for table in data["backup"]["tables"]] == [("audit", 5)]
    assert "no schema of database" in unmatched["msg"]
    assert "filters, line 1: 'nothing' is no kind" in wrong["msg"]
