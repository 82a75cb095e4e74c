# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts of an archive: what is selected, and what is restored, is what the newest pg_restore makes of the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import NotFoundError, RestoreError, UsageError
from dbfleet.postgresql.restore_selection import (
    DATABASE_KINDS,
    FOLLOWER_KINDS,
    SETTINGS_KINDS,
    RestoreSelection,
    select_entries,
)
from dbfleet.postgresql.restore_session import SessionOptions
from dbfleet.postgresql.restore_use_list import parse_use_list
from dbfleet.postgresql.toc import TocEntry
from dbfleet.requests.given import given_to_command
from dbfleet.requests.postgresql_restore_selection import restore_selection
from tests import servers
from tests.integration.postgresql.backup_support import dumped
from tests.integration.postgresql.restore_support import (
    content_of,
    fill,
    new_database,
    restore,
)
from tests.integration.postgresql.selection_support import (
    NEWEST,
    SWITCHES,
    archive_of,
    entries_of,
    flags_of,
    some_options,
)
from tests.servers.fixtures import ServerPool

ARCHIVES = [("pg10", 14), ("pg10", 16), ("pg10", 18), ("pg18", 18)]
COMBINATIONS = 24


@pytest.fixture(scope="module")
def filled(server_pool: ServerPool) -> dict[str, Path]:
    return {}


def selected(entries: Sequence[TocEntry], options: dict[str, Any]) -> list[int]:
    """The ids of what is selected, without what depends on whether the database is created."""
    try:
        found = select_entries(entries, restore_selection(given_to_command("restore", "postgresql", options)))
    except NotFoundError:
        return []
    return [
        entry.dump_id
        for entry in found
        if entry.desc not in SETTINGS_KINDS | DATABASE_KINDS
        and not (entry.desc in FOLLOWER_KINDS and entry.tag.startswith("DATABASE "))
    ]


def selected_genuinely(archive: Path, options: dict[str, Any], *args: str) -> list[int] | None:
    """The same of the genuine pg_restore; None where it refuses the options."""
    given = [*args, *flags_of(options)]
    done = servers.client("pg_restore", version=NEWEST).run(None, "-l", *given, archive, check=False)
    if done.returncode:
        return None
    return list(parse_use_list(done.stdout.decode().splitlines(), name="the list"))


@pytest.mark.parametrize(("name", "client"), ARCHIVES)
def test_what_is_selected_is_what_pg_restore_selects(
    name: str, client: int, server_pool: ServerPool, filled: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    _server, archive = archive_of(server_pool, filled, tmp_path_factory, name, client)
    entries = entries_of(archive)
    chance = random.Random(f"{name} {client}")
    compared = 0
    every = [{switch: True} for switch in SWITCHES]
    for options in [*every, *(some_options(entries, chance) for dummy in range(COMBINATIONS))]:
        expected = selected_genuinely(archive, options)
        if expected is None:
            with pytest.raises(UsageError):
                restore_selection(given_to_command("restore", "postgresql", options))
            continue
        assert selected(entries, options) == expected, options
        compared += 1
    assert compared > COMBINATIONS // 2


def test_a_list_selects_and_orders(
    server_pool: ServerPool, filled: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    _server, archive = archive_of(server_pool, filled, tmp_path_factory, "pg18", 18)
    entries = entries_of(archive)
    listing = tmp_path / "list"
    lines = servers.client("pg_restore", version=NEWEST).run(None, "-l", archive).stdout.decode().splitlines()
    chance = random.Random(7)
    for _number in range(12):
        some = chance.sample(lines[15:], 60)
        listing.write_text("; a comment\n\n" + "\n".join(chance.choice(("", "  ", ";")) + line for line in some))
        more = chance.choice(({}, {"no_data": True}, {"sections": ["data"]}, {"tables": ["plain", "orders"]}))
        options = {"use_list": str(listing), **more}
        assert selected(entries, options) == selected_genuinely(archive, options)
    for text, cause in (
        ("12x; is\nTABLE 7\n", "line 2 of .* does not begin with the number"),
        ("7; a\n\n7; b\n", "line 3 of .* names entry 7 again, after line 1"),
        ("7000000; a\n", "names entry 7000000, which is not in the archive"),
    ):
        listing.write_text(text)
        with pytest.raises(UsageError, match=cause):
            selected(entries, {"use_list": str(listing)})


def test_rules_of_a_file_select_too(
    server_pool: ServerPool, filled: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    _server, archive = archive_of(server_pool, filled, tmp_path_factory, "pg18", 18)
    entries = entries_of(archive)
    table = next(entry for entry in entries if entry.desc == "TABLE" and entry.tag.isidentifier())
    index = next(entry.tag for entry in entries if entry.desc == "INDEX" and entry.tag.isidentifier())
    rules = tmp_path / "rules"
    for text in (
        f"# a comment\n\ninclude table {table.tag} # one\ninclude index {index}\n",
        f"include schema {table.namespace}\n",
        f"exclude schema {table.namespace}\n",
    ):
        rules.write_text(text)
        assert selected(entries, {"filter_files": [str(rules)]}) == selected_genuinely(archive, {"filter": str(rules)})
    # pg_restore takes quotes for a part of the name, and finds nothing.
    assert selected(entries, {"filters": [f'include table "{table.tag}"']}) == selected(
        entries, {"tables": [table.tag]}
    )
    for rule, cause in (
        ("exclude table t", "table cannot be exclude"),
        ("include extension e", "'extension' is no kind"),
    ):
        with pytest.raises(UsageError, match=cause):
            selected(entries, {"filters": [rule]})


def test_names_that_are_not_found(
    server_pool: ServerPool, filled: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    _server, archive = archive_of(server_pool, filled, tmp_path_factory, "pg18", 18)
    entries = entries_of(archive)
    table = next(entry.tag for entry in entries if entry.desc == "TABLE")
    for options, cause in (
        ({"tables": ["no such"]}, "nothing of what is selected"),
        ({"tables": [table, "no such"], "strict_names": True}, "no table 'no such'"),
        ({"tables": [table], "indexes": ["i"], "schemas": ["s"], "strict_names": True}, "no schema 's', no table"),
    ):
        with pytest.raises(NotFoundError, match=cause):
            select_entries(entries, restore_selection(given_to_command("restore", "postgresql", options)))
    assert selected(entries, {"tables": [table, "no such"]})


@pytest.mark.parametrize("name", ["pg10", "pg18"])
def test_parts_are_restored_as_pg_restore_does(
    name: str, server_pool: ServerPool, filled: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The whole in steps, and without what is not wanted."""
    server, archive = archive_of(server_pool, filled, tmp_path_factory, name, max(14, int(name[2:])))
    program = servers.client("pg_restore", version=max(14, server.version[0]))
    steps: list[dict[str, Any]] = [
        {"sections": ["pre-data"]}, {"sections": ["data"]}, {"sections": ["post-data"]}
    ]  # fmt: skip
    with new_database(server) as ours, new_database(server) as theirs:
        for step in steps:
            restore(server, archive, ours, force=True, selection=chosen(step))
            program.run(server, "-e", "-d", theirs, *(f"--section={one}" for one in step["sections"]), archive)
        assert dumped(server, ours) == dumped(server, theirs)
    options = {"no_owner": True, "no_privileges": True, "no_comments": True, "no_publications": True}
    with new_database(server) as ours, new_database(server) as theirs:
        restore(server, archive, ours, selection=chosen(options))
        flags = [f"--{name.replace('_', '-')}" for name in options]
        program.run(server, "-e", "-d", theirs, *flags, archive)
        assert dumped(server, ours) == dumped(server, theirs)


def chosen(options: dict[str, Any]) -> Any:
    return restore_selection(given_to_command("restore", "postgresql", options))


SHOP = """
CREATE SCHEMA shop;
CREATE SCHEMA other;
CREATE TYPE shop.mood AS ENUM ('sad', 'happy');
CREATE DOMAIN shop.amount AS numeric CHECK (VALUE >= 0);
CREATE SEQUENCE shop.numbers START 40;
CREATE FUNCTION shop.next_code() RETURNS text LANGUAGE sql AS $$ SELECT 'c60'::text $$;
CREATE TABLE shop.customers (id serial PRIMARY KEY, name text);
CREATE TABLE shop.orders (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer integer REFERENCES shop.customers,
    code text DEFAULT shop.next_code(), number integer DEFAULT nextval('shop.numbers'),
    feeling shop.mood DEFAULT 'happy', total shop.amount
);
CREATE TABLE other.unrelated (a integer);
CREATE VIEW other.report AS SELECT o.code, c.name FROM shop.orders o JOIN shop.customers c ON c.id = o.customer;
CREATE MATERIALIZED VIEW other.totals AS SELECT sum(total) AS total FROM shop.orders;
COMMENT ON COLUMN shop.orders.total IS 'the total';
INSERT INTO shop.customers (name) SELECT 'n' || i FROM generate_series(1, 30) i;
INSERT INTO shop.orders (customer, total) SELECT i, i FROM generate_series(1, 20) i;
REFRESH MATERIALIZED VIEW other.totals;
"""


def test_roles_are_mapped(server_pool: ServerPool, tmp_path: Path) -> None:
    server = server_pool.get("pg18")
    archive = tmp_path / "owned.dump"
    with new_database(server) as source, new_database(server) as copy:
        gone, there = f"gone {copy}", f"there {copy}"
        fill(server, "postgres", f'CREATE ROLE "{gone}"; CREATE ROLE "{there}"')
        fill(
            server,
            source,
            f'CREATE TABLE t (a int); ALTER TABLE t OWNER TO "{gone}";'
            f'CREATE TABLE u (a int); GRANT SELECT ON u TO "{gone}";'
            f'ALTER TABLE u ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON u TO "{gone}" USING (true);'
            f'ALTER DEFAULT PRIVILEGES FOR ROLE "{gone}" GRANT SELECT ON TABLES TO PUBLIC',
        )
        servers.client("pg_dump", version=18).run(server, "-Fc", "-f", archive, source)
        fill(server, source, f'DROP OWNED BY "{gone}"')
        fill(server, "postgres", f'DROP ROLE "{gone}"')
        with pytest.raises(NotFoundError, match=gone):
            restore(server, archive, copy)
        restore(server, archive, copy, selection=chosen({"role_map": [f"{gone}={there}"]}))
        with server.connect(copy) as connection:
            found = connection.execute("SELECT tableowner FROM pg_tables WHERE tablename = 't'").fetchone()
            assert found == (there,)
            assert connection.execute("SELECT roles[1] FROM pg_policies").fetchone() == (there,)
            privilege = connection.execute("SELECT has_table_privilege(%s, 'u', 'SELECT')", (there,)).fetchone()
            assert privilege == (True,)
        fill(server, copy, f'DROP OWNED BY "{there}"')
        fill(server, "postgres", f'DROP ROLE "{there}"')
    for wrong in ("a", "=b", "a="):
        with pytest.raises(UsageError, match="who becomes whom"):
            chosen({"role_map": [wrong]})


@pytest.mark.parametrize("jobs", [1, 2])
def test_as_whom_and_without_triggers(jobs: int, server_pool: ServerPool, tmp_path: Path) -> None:
    server = server_pool.get("pg18")
    archive = tmp_path / "shop.dump"
    with new_database(server) as source, new_database(server) as copy:
        fill(server, source, SHOP)
        servers.client("pg_dump", version=18).run(server, "-Fc", "-f", archive, source)
        role = f"restorer_{copy}"
        fill(server, "postgres", f'CREATE ROLE "{role}"; GRANT CREATE ON DATABASE {copy} TO "{role}"')
        fill(server, copy, f'GRANT CREATE ON SCHEMA public TO "{role}"')
        try:
            as_role = SessionOptions(role=role)
            options = {"no_owner": True, "no_privileges": True, "schema_only": True}
            restore(server, archive, copy, selection=chosen(options), session=as_role, jobs=jobs)
            with server.connect(copy) as connection:
                owners = connection.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'shop'")
                assert owners.fetchall() == [(role,)]
            # Orders first: their customers are not there yet.
            rows = {entry.tag: entry.dump_id for entry in entries_of(archive) if entry.desc == "TABLE DATA"}
            orders = RestoreSelection(use_list=(rows["orders"],), no_schema=True)
            with pytest.raises(RestoreError, match="foreign key"):
                restore(server, archive, copy, force=True, selection=orders, jobs=jobs)
            triggerless = SessionOptions(disable_triggers=True)
            restore(server, archive, copy, force=True, selection=orders, session=triggerless, jobs=jobs)
            with server.connect(copy) as connection:
                assert connection.execute("SELECT count(*) FROM shop.orders").fetchone() == (20,)
                off = "SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O'"
                assert connection.execute(off).fetchone() == (0,)
        finally:
            fill(server, copy, f'DROP OWNED BY "{role}" CASCADE')
            fill(server, "postgres", f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')


@pytest.mark.parametrize("name", ["pg10", "pg18"])
def test_what_a_table_depends_on_comes_with_it(name: str, server_pool: ServerPool, tmp_path: Path) -> None:
    server = server_pool.get(name)
    archive = tmp_path / "shop.dump"
    with new_database(server) as source:
        fill(server, source, SHOP)
        servers.client("pg_dump", version=max(14, server.version[0])).run(server, "-Fc", "-f", archive, source)
        whole = content_of(server, source)
    with new_database(server) as copy:
        restore(server, archive, copy, selection=chosen({"tables": ["orders"], "with_dependencies": True}))
        content = dict(row[:2] for row in content_of(server, copy) if len(row) == 2)
        assert content == {"shop.orders": dict(row[:2] for row in whole if len(row) == 2)["shop.orders"]}
        # Its defaults, its identity, and what they need work on.
        with server.connect(copy) as connection:
            connection.execute("INSERT INTO shop.orders (total) VALUES (7)")
            added = connection.execute("SELECT id, code, number FROM shop.orders WHERE id > 20").fetchall()
            assert added == [(21, "c60", 60)]
            assert connection.execute("SELECT col_description('shop.orders'::regclass, 6)").fetchone() == ("the total",)
    with new_database(server) as copy:
        restore(server, archive, copy, selection=chosen({"tables": ["report", "totals"], "with_dependencies": True}))
        with server.connect(copy) as connection:
            assert connection.execute("SELECT total FROM other.totals").fetchone() == (210,)
            # The rows that the materialized view was made from came with it; a view's tables come without.
            assert connection.execute("SELECT count(*) FROM shop.orders").fetchone() == (20,)
            assert connection.execute("SELECT count(*) FROM shop.customers").fetchone() == (0,)
            assert connection.execute("SELECT to_regclass('other.unrelated')").fetchone() == (None,)
