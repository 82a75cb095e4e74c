# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of whole servers share: servers of their own with hostile globals, jobs, the genuine pg_dumpall."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dbfleet.backup import Destination
from dbfleet.cluster_backup import ClusterBackupRequest, ClusterBackupResult, backup_cluster
from dbfleet.cluster_restore import ClusterRestoreRequest, restore_cluster
from dbfleet.postgresql.options import BackupOptions, ClusterBackupOptions, ConnectionOptions, RestoreOptions
from dbfleet.progress import Progress
from dbfleet.restore import Origin, RestoreResult
from tests import servers
from tests.integration.postgresql.restore_support import connection_options
from tests.integration.postgresql.zoo_support import zoo_sql
from tests.servers.fixtures import ServerPool

ODD = "Odd \"db\" 'name'; -- x"
NEWEST_CLIENT = 18
CLUSTER = "main"
_NOISE = re.compile(r"\\(un)?restrict |--|$")
_OF_ONE_DATABASE = re.compile(r"^ALTER ROLE .* IN DATABASE ", re.DOTALL)


@contextmanager
def server_with(pool: ServerPool, name: str, *files: str, **arguments: Any) -> Iterator[servers.Server]:
    """A server of the test's own, with files of ``zoo/cluster`` run by the genuine psql."""
    with pool.fresh(name, **arguments) as server:
        for file in files:
            run_zoo(server, file)
        yield server


def run_zoo(server: servers.Server, file: str) -> None:
    """Run a file of ``zoo/cluster``."""
    script = zoo_sql(f"cluster/{file}", server.version[0])
    program = servers.client("psql", version=NEWEST_CLIENT)
    program.run(server, "-Xq", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-f", "-", input=script)


def back_up_all(
    server: servers.Server,
    repository: Path,
    *,
    progress: Progress | None = None,
    connection: ConnectionOptions | None = None,
    exclude: tuple[str, ...] = (),
    role_passwords: bool = True,
    each: dict[str, Any] | None = None,
    **asked: Any,
) -> ClusterBackupResult:
    options = ClusterBackupOptions(
        each=BackupOptions(connection=connection or connection_options(server), database="", **(each or {})),
        exclude_databases=exclude,
        role_passwords=role_passwords,
    )
    destination = Destination(repository=str(repository), cluster=CLUSTER)
    return backup_cluster(ClusterBackupRequest(options, destination, **asked), progress or Progress())


def restore_all(
    server: servers.Server,
    repository: Path | None = None,
    *,
    source: Path | None = None,
    backup: str = "latest",
    connection: ConnectionOptions | None = None,
    force: bool = False,
    **asked: Any,
) -> RestoreResult:
    options = RestoreOptions(connection=connection or connection_options(server), database="", force=force)
    origin = Origin(repository=str(repository or ""), source=str(source or ""), backup=backup)
    return restore_cluster(ClusterRestoreRequest(options, origin, **asked), Progress())


def lines_of(script: str) -> list[str]:
    """A script's lines without comments and what differs from run to run."""
    return [line for line in script.split("\n") if not _NOISE.match(line)]


def dumped_all(server: servers.Server, *args: str) -> list[str]:
    """What the newest pg_dumpall writes; settings of roles in databases, which come in the order of OIDs, sorted."""
    text = servers.client("pg_dumpall", version=NEWEST_CLIENT).run(server, *args).stdout.decode()
    statements = re.split(r"(?<=;)\n", "\n".join(lines_of(text)))
    result: list[str] = []
    settings: list[str] = []
    for statement in statements:
        if _OF_ONE_DATABASE.match(statement):
            settings.append(statement)
            continue
        result.extend(sorted(settings))
        settings.clear()
        result.append(statement)
    return result + sorted(settings)
