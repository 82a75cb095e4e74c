# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the server hides from an ordinary user is an error that names it, never a backup without it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.errors import PrivilegeError
from dbfleet.postgresql.options import ConnectionOptions
from tests.integration.postgresql.backup_support import back_up
from tests.integration.postgresql.zoo_support import as_text, entries_of, subscriptions_dropped
from tests.servers.fixtures import Database


@pytest.fixture
def reader(pg_database: Database) -> Iterator[str]:
    """A user without any privilege."""
    name = f"reader_{secrets.token_hex(4)}"
    pg_database.execute(f"CREATE ROLE {name} LOGIN")
    try:
        yield name
    finally:
        with subscriptions_dropped(pg_database.server, pg_database.name):
            pg_database.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def back_up_as(user: str, database: Database, folder: Path) -> Path:
    server = database.server
    connection = ConnectionOptions(unix_socket=server.socket, port=server.port, user=user)
    return back_up(server, database.name, folder, connection=connection)[0]


def test_subscriptions(pg_database: Database, reader: str, tmp_path: Path) -> None:
    secret = "kept-from-everyone"
    pg_database.execute(
        f"CREATE SUBSCRIPTION \"news, all\" CONNECTION 'password={secret}' PUBLICATION p"
        " WITH (connect = false, slot_name = NONE)"
    )
    with pytest.raises(PrivilegeError, match="subscription news, all") as caught:
        back_up_as(reader, pg_database, tmp_path)
    assert caught.value.context["objects"] == ["subscription news, all"]
    assert caught.value.hint
    assert secret not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    archive = back_up(pg_database.server, pg_database.name, tmp_path)[0]
    text = "".join(map(as_text, entries_of(archive)))
    assert f"CONNECTION 'password={secret}'" in text


def test_options_of_other_users_mappings(pg_database: Database, reader: str, tmp_path: Path) -> None:
    pg_database.execute(
        "CREATE FOREIGN DATA WRAPPER w",
        "CREATE SERVER s FOREIGN DATA WRAPPER w",
        "CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (password 'x')",
        "CREATE USER MAPPING FOR PUBLIC SERVER s",
    )
    with pytest.raises(PrivilegeError) as caught:
        back_up_as(reader, pg_database, tmp_path)
    user = pg_database.server.user
    expected = [f"user mapping of {name} for server s" for name in ("public", user)]
    assert sorted(caught.value.context["objects"]) == sorted(expected)
    assert list(tmp_path.iterdir()) == []


def test_options_of_the_users_own_mappings_are_written(pg_database: Database, reader: str, tmp_path: Path) -> None:
    pg_database.execute(
        "CREATE FOREIGN DATA WRAPPER w",
        "CREATE SERVER s FOREIGN DATA WRAPPER w",
        f"ALTER SERVER s OWNER TO {pg_database.server.user}",
        f"GRANT USAGE ON FOREIGN DATA WRAPPER w TO {reader}",
        f"GRANT USAGE ON FOREIGN SERVER s TO {reader}",
        f"CREATE USER MAPPING FOR {reader} SERVER s OPTIONS (password 'x')",
    )
    archive = back_up_as(reader, pg_database, tmp_path)
    (mapping,) = (entry for entry in entries_of(archive) if entry.desc == "USER MAPPING")
    assert mapping.defn == f"CREATE USER MAPPING FOR {reader} SERVER s OPTIONS (\n    password 'x'\n);\n"


def test_large_objects_without_select(pg_database: Database, reader: str, tmp_path: Path) -> None:
    pg_database.execute(
        "SELECT lo_create(5), lo_create(4711), lo_create(4712)",
        "GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC",
        f"ALTER LARGE OBJECT 4712 OWNER TO {reader}",
    )
    with pytest.raises(PrivilegeError, match=r"large object 5 \(") as caught:
        back_up_as(reader, pg_database, tmp_path)
    assert caught.value.context["objects"] == ["large object 5"]
    pg_database.execute(f"GRANT SELECT ON LARGE OBJECT 5 TO {reader}")
    entries = entries_of(back_up_as(reader, pg_database, tmp_path))
    # From archive version 1.16 on one entry lists the OIDs of several.
    grouped = [oid for entry in entries if entry.desc == "BLOB METADATA" for oid in (entry.defn or "").split()]
    assert sum(entry.desc == "BLOB" for entry in entries) + len(grouped) == 3
