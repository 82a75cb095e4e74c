# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking into archives, parts of them, and scripts of them: through the modules and the command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.cli.main import main
from tests import servers
from tests.integration.doors import ROWS, World, filled_world
from tests.integration.playbooks import Playbooks
from tests.servers.fixtures import Database


@pytest.fixture
def world(pg_latest_database: Database) -> Iterator[World]:
    with filled_world("postgresql", pg_latest_database) as made:
        yield made


def test_through_the_modules(world: World, playbooks: Playbooks, tmp_path: Path) -> None:
    archive, script = tmp_path / "foreign.dump", tmp_path / "orders.sql"
    servers.client("pg_dump", version=18).run(world.database.server, "-Fc", "-f", archive, world.name)
    target = f"{world.name}_part"
    part = {"source": str(archive), "tables": ["orders"], "with_dependencies": True, "no_owner": True}
    where = {**world.module_connection(), "database": target}
    try:
        looked, restored, nothing, written = playbooks.play(
            {"dbfleet.backup.backup_info": {"source": str(archive)}},
            {"dbfleet.backup.native_restore": {**where, **part, "create": True}},
            {"dbfleet.backup.native_restore": {**where, "source": str(archive), "tables": ["no such"], "force": True}},
            {"dbfleet.backup.native_restore": {"dbms": "postgresql", **part, "file": str(script)}},
        ).results
        assert (looked["changed"], looked["contents"]["complete"]) == (False, True)
        assert {entry["name"] for entry in looked["contents"]["entries"] if entry["kind"] == "TABLE"} == {
            "orders",
            "odd name; --",
        }
        assert [table["name"] for table in restored["restore"]["tables"]] == ["orders"], restored
        assert len(world.content(target)) == ROWS
        assert nothing["failed"]
        assert nothing["error"]["kind"] == "not_found"
        assert (written["changed"], written["restore"]["rows"]) == (True, ROWS), written
        assert script.read_text().count("CREATE TABLE") == 1
    finally:
        world.drop(target)


def test_through_the_command(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One table of one database out of a set; and a list that is edited and used."""
    monkeypatch.setenv("PGPASSWORD", world.password)
    repository = str(tmp_path / "repository")
    target = f"{world.name}_part"
    kept = [name for name in world.databases() if name not in (world.name, "template0")]
    left_out = [word for name in kept for word in ("--exclude-database", f'"{name}"')]
    backup = ["backup", "postgresql", *world.connection(), "--repository", repository, "--cluster", "c"]
    assert main([*backup, "--all-databases", *left_out, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    # The set's id stands for the database's backup in it.
    place = ["--repository", repository, "--source-database", world.name, "--backup", made["set"]]
    restore = ["restore", "postgresql", *world.connection(), *place, "--database", target]
    try:
        assert main([*restore, "--create", "--table", "orders", "--with-dependencies", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["restore"]["rows"] == ROWS
        assert len(world.content(target)) == ROWS
        where = ["--database", world.name, "--backup", "latest"]
        assert main(["info", repository, *where, "--list"]) == 0
        lines = capsys.readouterr().out.splitlines()
        listing = tmp_path / "list"
        listing.write_text("\n".join(line for line in lines if " CONSTRAINT public orders " in line))
        assert main([*restore, "--force", "--use-list", str(listing), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["restore"]["objects"] == {"CONSTRAINT": 1}
    finally:
        world.drop(target)
