# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of the vendors' programs, as a host has it: each finds its own libraries."""

from __future__ import annotations

import shlex
from pathlib import Path

from tests import servers
from tests.servers.fixtures import skip_unavailable

_POSTGRESQL = ("psql", "pg_dump", "pg_restore")
_FAMILIES = {
    "mysql": ("mysql", "mysqldump"),
    "mariadb": ("mariadb", "mariadb-dump"),
}
_NEWEST_MYSQL = "9.7"


def client_version(server_name: str) -> str | int:
    """The series of the client programs for a server: its own, or the oldest of the newer ones."""
    if server_name.startswith("pg"):
        return max(14, int(server_name[2:].removesuffix("icu")))
    if server_name.startswith("mysql"):
        return _NEWEST_MYSQL
    series = server_name.removeprefix("mariadb")
    return "10.5" if series == "105" else "10.11" if series in ("106", "1011") else "11.8"


def names_for(server_name: str) -> tuple[str, ...]:
    """The programs that belong to a server."""
    if server_name.startswith("pg"):
        return _POSTGRESQL
    return _FAMILIES["mysql" if server_name.startswith("mysql") else "mariadb"]


def programs(folder: Path, server_name: str, *, version: str | int | None = None) -> Path:
    """Make a folder with the genuine programs for a server.

    :param version: another series than the one that fits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in names_for(server_name):
        try:
            found = servers.client(name, version=version or client_version(server_name))
        except servers.ServerUnavailable as error:
            skip_unavailable(server_name, error)
        environment = found.environment(None)
        lines = ["#!/bin/sh"]
        kept = ("LD_LIBRARY_PATH", "LIBMYSQL_PLUGIN_DIR", "MARIADB_PLUGIN_DIR")
        lines += [f"export {key}={shlex.quote(environment[key])}" for key in kept if key in environment]
        run = shlex.quote(str(found.path))
        if server_name.startswith("pg"):
            lines.append(f'exec {run} "$@"')
        else:
            home = found.build / "usr/share"
            charsets = next(path for path in (home / "mariadb/charsets", home / "mysql/charsets") if path.exists())
            # The file with the connection must be the first argument.
            more = shlex.quote(f"--character-sets-dir={charsets}")
            lines.append(f'if [ $# -gt 1 ]; then first=$1; shift; exec {run} "$first" {more} "$@"; fi')
            lines.append(f'exec {run} "$@"')
        write_program(folder / name, "\n".join(lines) + "\n")
    return folder


def write_program(path: Path, text: str) -> Path:
    """Make an executable script, in place of one that is there."""
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path
