# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for a comparison, out of the options that were given."""

from __future__ import annotations

import dataclasses
import typing as t

from ..compare import CompareRequest, LiveDatabase
from ..mysql.options import ConnectionOptions as MysqlConnectionOptions
from ..postgresql.options import ConnectionOptions
from ..restore import Origin
from ..tools.engine import TOOLS, Engine
from .access import access_of
from .connection import database_name, mysql_connection, postgresql_connection
from .given import Given
from .option import POSTGRESQL

_OTHER_SERVER = ("other_host", "other_port", "other_unix_socket", "other_user", "other_password")


def compare_request(given: Given) -> CompareRequest:
    """What to compare with what.

    :raises UsageError: the options contradict each other.
    """
    place = given.exactly_one("repository", "source", "other_database", "with_tools")
    for name in ("tools_path", "scratch_folder"):
        given.only_with(name, "with_tools")
    for name in ("cluster", "source_database"):
        given.only_with(name, "repository")
    for name in _OTHER_SERVER:
        given.only_with(name, "other_database")
    connection = postgresql_connection(given) if given.world == POSTGRESQL else mysql_connection(given)
    second = LiveDatabase(connection, database_name(given))
    schema_only = given.switch("schema_only")
    if place == "other_database":
        return CompareRequest(LiveDatabase(_other(given, second), given.text("other_database")), second, schema_only)
    if place == "with_tools":
        engine = Engine(TOOLS, programs=given.text("tools_path"), scratch_folder=given.text("scratch_folder"))
        return CompareRequest(engine, second, schema_only)
    origin = Origin(
        repository=given.text("repository"),
        cluster=given.text("cluster"),
        database=given.text("source_database") or (given.text("database") if place == "repository" else ""),
        backup=given.text("backup"),
        source=given.text("source"),
        access=access_of(given),
    )
    return CompareRequest(origin, second, schema_only)


def _other(given: Given, second: LiveDatabase) -> ConnectionOptions | MysqlConnectionOptions:
    """The other database's connection: as the first one's, but for what is given."""
    changes: dict[str, t.Any] = {
        name: value
        for name, value in (
            ("host", given.text("other_host")),
            ("port", given.number("other_port")),
            ("unix_socket", given.text("other_unix_socket")),
            ("user", given.text("other_user")),
            ("password", given.text("other_password")),
        )
        if value
    }
    if "host" in changes:
        changes.setdefault("unix_socket", "")
    return dataclasses.replace(second.connection, **changes)
