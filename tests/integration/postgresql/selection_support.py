# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives to select from, and selections of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dbfleet.postgresql.archive.reader import open_archive
from dbfleet.postgresql.toc import TocEntry
from tests import servers
from tests.integration.postgresql.backup_support import fill_with_zoo
from tests.integration.postgresql.restore_support import LocalArtifact, fill
from tests.servers.fixtures import ServerPool

NEWEST = 18
ZOO = ("tables", "functions", "partitions", "constraints", "given_privileges", "publications", "views", "large_objects")
SWITCHES = (
    "schema_only", "data_only", "statistics_only", "no_schema", "no_data", "no_statistics", "no_owner",
    "no_privileges", "no_comments", "no_policies", "no_publications", "no_subscriptions", "no_security_labels",
)  # fmt: skip
FLAGS = {
    "schemas": "--schema", "exclude_schemas": "--exclude-schema", "tables": "--table", "indexes": "--index",
    "functions": "--function", "triggers": "--trigger", "sections": "--section",
}  # fmt: skip


def archive_of(
    pool: ServerPool, filled: dict[str, Path], folder: pytest.TempPathFactory, name: str, client: int
) -> tuple[servers.Server, Path]:
    """An archive of the zoo in the database ``chosen``, made when first asked for."""
    server = pool.get(name)
    if name not in filled:
        fill(server, "postgres", "DROP DATABASE IF EXISTS chosen")
        fill(server, "postgres", "CREATE DATABASE chosen TEMPLATE template0")
        fill_with_zoo(server, "chosen", *ZOO)
        filled[name] = Path()
    key = f"{name}-{client}"
    if key not in filled:
        filled[key] = folder.mktemp("archive") / "chosen.dump"
        extra = ("--statistics",) if client == NEWEST else ()
        servers.client("pg_dump", version=client).run(server, "-Fc", *extra, "-f", filled[key], "chosen")
    return server, filled[key]


def entries_of(archive: Path) -> tuple[TocEntry, ...]:
    reader = open_archive(LocalArtifact(archive))
    try:
        return reader.entries
    finally:
        reader.close()


def flags_of(options: dict[str, Any]) -> list[str]:
    """Options as pg_restore takes them."""
    given = []
    for name, value in options.items():
        if value is True:
            given.append("--" + name.replace("_", "-"))
        elif name in FLAGS:
            given += [f"{FLAGS[name]}={one}" for one in value]
        else:
            given.append(f"--{name.replace('_', '-')}={value}")
    return given


def some_options(entries: Sequence[TocEntry], chance: random.Random) -> dict[str, Any]:
    """Options of one to three kinds, with names that the archive has."""
    names = {
        "schemas": sorted({entry.namespace for entry in entries if entry.namespace}),
        "tables": sorted({entry.tag for entry in entries if entry.desc in ("TABLE", "VIEW", "SEQUENCE")}),
        "indexes": sorted({entry.tag for entry in entries if entry.desc == "INDEX"}),
        "functions": sorted({entry.tag for entry in entries if entry.desc in ("FUNCTION", "AGGREGATE")}),
        "triggers": sorted({entry.tag for entry in entries if entry.desc == "TRIGGER"}) or ["none t"],
        "sections": ["pre-data", "data", "post-data"],
    }  # fmt: skip
    names["exclude_schemas"] = names["schemas"]
    options: dict[str, Any] = {}
    for name in chance.sample([*names, *SWITCHES], chance.choice((1, 1, 2, 3))):
        if name in SWITCHES:
            options[name] = True
        else:
            options[name] = chance.sample(names[name], min(len(names[name]), chance.choice((1, 1, 2))))
    return options
