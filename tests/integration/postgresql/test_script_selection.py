# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts of plain scripts: what is run is what pg_restore makes of the same selection from an archive."""

from __future__ import annotations

import io
import random
import re
from pathlib import Path
from typing import Any

import pytest

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.errors import DbfleetError, NotFoundError, UsageError
from dbfleet.postgresql.options import BackupOptions
from dbfleet.postgresql.restore_options import RunOptions
from dbfleet.postgresql.restore_selection import RestoreSelection
from dbfleet.postgresql.script import ScriptSplitter, Statement
from dbfleet.postgresql.script_selected import ScriptPart, check_selection
from dbfleet.progress import Progress
from dbfleet.repository.manifest import parse_manifest
from dbfleet.requests.given import given_to_command
from dbfleet.requests.postgresql_restore_selection import restore_selection
from tests import servers
from tests.integration.postgresql.restore_support import (
    assert_equal_databases,
    connection_options,
    fill,
    new_database,
    newest_client,
    pg_dump,
    restore,
)
from tests.integration.postgresql.selection_support import (
    SWITCHES,
    archive_of,
    entries_of,
    flags_of,
    some_options,
)
from tests.servers.fixtures import ServerPool

NEWEST = 18
ARCHIVES = [("pg10", 14), ("pg10", 18), ("pg18", 18)]
COMBINATIONS = 12
STATE = re.compile(rb"SET (default_tablespace|default_table_access_method) = (.*);")
# What one of these settings decides.
STORED = re.compile(rb"CREATE (?:UNLOGGED |FOREIGN |UNIQUE )?(?:TABLE|INDEX|MATERIALIZED VIEW) ")


class Script:
    """A script as a source of statements."""

    def __init__(self, text: bytes) -> None:
        self.name = "the script"
        self.read = io.BytesIO(text).read
        self.leap = None


def statements(found: Any) -> list[tuple[bytes, ...]]:
    """What would be run: statements, the rows of a COPY, and the settings where they matter."""
    state: dict[bytes, bytes] = {}
    result: list[tuple[bytes, ...]] = []
    for item in found:
        if not isinstance(item, Statement):
            continue
        setting = STATE.fullmatch(item.text)
        if setting:
            state[setting.group(1)] = setting.group(2)
        if item.text.startswith(b"SET ") or b".set_config(" in item.text:
            continue
        rows = b"" if item.copy is None else found.data.read(1 << 30)
        settings = (state.get(b"default_tablespace", b"''"),) if STORED.match(item.text) else ()
        result.append((item.text, rows, *settings))
    return result


def part_of(text: bytes, options: dict[str, Any]) -> list[tuple[bytes, ...]]:
    selection = restore_selection(given_to_command("restore", "postgresql", options))
    part = ScriptPart(selection=selection).statements(Script(text))  # type: ignore[arg-type]
    found = statements(part)
    try:
        part.require()
    except NotFoundError:
        return []
    return found


def genuine_part_of(archive: Path, options: dict[str, Any]) -> list[tuple[bytes, ...]] | None:
    command = servers.client("pg_restore", version=NEWEST)
    done = command.run(None, "-f", "-", *flags_of(options), archive, check=False)
    if done.returncode:
        return None
    return statements(ScriptSplitter(io.BytesIO(done.stdout)))


@pytest.fixture(scope="module")
def filled() -> dict[str, Path]:
    return {}


@pytest.mark.parametrize(("name", "client"), ARCHIVES)
def test_what_is_run_is_what_pg_restore_makes(
    name: str, client: int, server_pool: ServerPool, filled: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    _server, archive = archive_of(server_pool, filled, tmp_path_factory, name, client)
    script = servers.client("pg_restore", version=NEWEST).run(None, "-f", "-", archive).stdout
    entries = entries_of(archive)
    chance = random.Random(f"{name} {client} script")
    every: list[dict[str, Any]] = [{switch: True} for switch in SWITCHES if switch not in ("schema_only", "data_only")]
    every += [{"sections": [section]} for section in ("pre-data", "data", "post-data")]
    for options in [*every, *(some_options(entries, chance) for dummy in range(COMBINATIONS))]:
        if any("\n" in name for names in options.values() if isinstance(names, list) for name in names):
            with pytest.raises(UsageError, match="do not show line breaks"):
                check_selection(restore_selection(given_to_command("restore", "postgresql", options)), "s")
            continue
        expected = genuine_part_of(archive, options)
        if expected is not None:
            assert part_of(script, options) == expected, options


SHOP = """
CREATE SCHEMA shop;
CREATE TABLE shop.customers (id int PRIMARY KEY, name text);
CREATE TABLE shop.orders (id int PRIMARY KEY, customer int REFERENCES shop.customers);
CREATE TABLE public.orders (id int);
CREATE FUNCTION shop.f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1; -- Name: x; Type: TABLE; Schema: y; Owner: z';
COMMENT ON TABLE shop.customers IS 'who';
COMMENT ON COLUMN shop.customers.name IS 'the name';
CREATE INDEX by_name ON shop.customers (name);
INSERT INTO shop.customers
    SELECT i, E'n\\n-- Name: o; Type: TABLE; Schema: p; Owner: q\\n' || i FROM generate_series(1, 5) i;
INSERT INTO shop.orders VALUES (1, 1), (2, 1), (3, 2);
INSERT INTO public.orders VALUES (7);
GRANT SELECT ON shop.customers TO PUBLIC;
"""


@pytest.mark.parametrize("rows", [(), ("--inserts",)], ids=["copy", "inserts"])
@pytest.mark.parametrize("name", ["pg10", "pg18"])
def test_one_table_out_of_a_script(server_pool: ServerPool, name: str, rows: tuple[str, ...], tmp_path: Path) -> None:
    server = server_pool.get(name)
    with new_database(server) as source, new_database(server) as target:
        fill(server, source, SHOP)
        script = pg_dump(server, source, tmp_path / "shop.sql", "-Fp", "--clean", *rows)
        archive = pg_dump(server, source, tmp_path / "shop.dump", "-Fc", *rows)
        fill(server, target, "CREATE SCHEMA shop")
        selection = RestoreSelection(schemas=("shop",), tables=("customers",))
        plan, contents = restore(server, script, target, selection=selection, force=True)
        assert plan.tables == (() if rows else (("shop", "customers"),))
        assert contents.objects == {"table": 1}
        with new_database(server) as other:
            fill(server, other, "CREATE SCHEMA shop")
            genuine = servers.client("pg_restore", version=newest_client(server))
            genuine.run(server, "-d", other, "-n", "shop", "-t", "customers", archive)
            assert_equal_databases(server, other, target)
        # What is not made is not in the way: the keys follow, of that table alone.
        later = RestoreSelection(schemas=("shop",), sections=("post-data",), indexes=("by_name",))
        restore(server, script, target, selection=later, force=True)
        indexes = "SELECT indexname FROM pg_indexes WHERE schemaname = 'shop'"
        assert server.execute(indexes, database=target) == [("by_name",)]


def test_a_part_of_a_script_of_ours_is_compared_with_its_manifest(pg_latest: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_latest) as source, new_database(pg_latest, create=False) as target:
        fill(pg_latest, source, SHOP)
        dest = tmp_path / "ours.sql"
        asked = BackupOptions(connection=connection_options(pg_latest), database=source, format="plain")
        backup(BackupRequest(asked, Destination(dest=str(dest))), Progress())
        path = Path(f"{dest}.manifest.json")
        manifest = parse_manifest(path.read_bytes(), name=str(path))
        selection = RestoreSelection(exclude_schemas=("shop",))
        run = RunOptions(verify="digest")
        _plan, contents = restore(pg_latest, dest, target, manifest=manifest, create=True, selection=selection, run=run)
        assert contents.checks["compared"] == {"digest": 1, "rows": 0}
        assert [(table.schema, table.name, table.rows) for table in contents.tables] == [("public", "orders", 1)]


def test_storage_is_that_of_the_selected_table(pg_latest: servers.Server, tmp_path: Path) -> None:
    """A tablespace that another table needs is not asked for; and of a table's own it can be done without."""
    pg_latest.execute("SET allow_in_place_tablespaces = on", "CREATE TABLESPACE aside LOCATION ''")
    with new_database(pg_latest) as source, new_database(pg_latest) as target:
        fill(pg_latest, source, "CREATE TABLE a (i int) TABLESPACE aside; CREATE TABLE b (i int)")
        script = pg_dump(pg_latest, source, tmp_path / "spaces.sql", "-Fp")
        fill(pg_latest, source, "DROP TABLE a")
        pg_latest.execute("DROP TABLESPACE aside")
        restore(pg_latest, script, target, selection=RestoreSelection(tables=("b",)))
        with pytest.raises(DbfleetError, match="aside"):
            restore(pg_latest, script, target, selection=RestoreSelection(tables=("a",)), force=True)
        restore(pg_latest, script, target, selection=RestoreSelection(tables=("a",), no_tablespaces=True), force=True)
        found = "SELECT tablename, tablespace FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        assert pg_latest.execute(found, database=target) == [("a", None), ("b", None)]


HEADING = "--\n-- Name: %s; Type: TABLE; Schema: public; Owner: me\n--\n\n"


@pytest.mark.parametrize(
    ("text", "selection", "problem"),
    [
        ("CREATE TABLE a (i int);\n", {"tables": ("a",)}, "line 1 of .*: nothing says to what this statement belongs"),
        ("SET work_mem = '1MB';\n", {"tables": ("a",)}, "pg_dump's comments are missing"),
        (HEADING % "a; Type: x" + "CREATE TABLE a (i int);\n", {"tables": ("a",)}, "can be read in several ways"),
        (2 * (HEADING % "a b" + "CREATE TABLE x (i int);\n"), {"tables": ("a b",)}, "holds two of the kind TABLE"),
        (HEADING % "a" + "CREATE TABLE a (i int);\n", {"tables": ("b",)}, "holds nothing of what is selected"),
        (HEADING % "a", {"tables": ("a",), "with_dependencies": True}, "with_dependencies does not go with the script"),
        (HEADING % "a", {"use_list": (1,)}, "use_list does not go with the script"),
        (HEADING % "a", {"role_map": (("a", "b"),)}, "role_map does not go with the script"),
        (
            "SET SESSION AUTHORIZATION 'x';\n" + HEADING % "a" + "CREATE TABLE a (i int);\n",
            {"no_owner": True},
            "line 1 of .* no_owner does not go with it",
        ),
    ],
)
def test_what_is_not_certain_is_refused(
    pg_latest: servers.Server, tmp_path: Path, text: str, selection: dict[str, Any], problem: str
) -> None:
    script = tmp_path / "odd.sql"
    script.write_text(text)
    with new_database(pg_latest) as target:
        with pytest.raises((UsageError, NotFoundError), match=problem):
            restore(pg_latest, script, target, selection=RestoreSelection(**selection))
        assert pg_latest.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'", database=target) == []
