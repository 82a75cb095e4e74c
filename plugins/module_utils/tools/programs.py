# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Finding the vendor's programs on this host, and choosing one that is not too old for a server."""

from __future__ import annotations

import glob
import os
import re
import subprocess
import typing as t

from ..errors import NotFoundError, UsageError
from ..lazy_dataclass import dataclass
from .environment import program_environment

POSTGRESQL, MYSQL, MARIADB = "postgresql", "mysql", "mariadb"

_PRODUCTS = {POSTGRESQL: "PostgreSQL", MYSQL: "MySQL", MARIADB: "MariaDB"}
_USUAL_FOLDERS = {
    POSTGRESQL: ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin"),
    MYSQL: ("/usr/bin", "/usr/local/mysql/bin"),
    MARIADB: ("/usr/bin", "/usr/local/mysql/bin"),
}
_POSTGRESQL_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")
_MYSQL_VERSIONS = tuple(
    re.compile(pattern + r"(\d+)\.(\d+)\.(\d+)") for pattern in (r"\bDistrib ", r"\bfrom ", r"\bVer ")
)
_SECONDS = 60


@dataclass(frozen=True)
class Program:
    """One of the vendor's programs.

    :param family: ``postgresql``, ``mysql`` or ``mariadb``.
    :param version: (16, 4), (8, 4, 3).
    :param words: what it says of itself, on one line.
    """

    path: str
    family: str
    version: tuple[int, ...]
    words: str

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return os.path.basename(self.path)

    @property
    def series(self) -> tuple[int, ...]:
        """The part of the version that decides which servers it knows."""
        return self.version[:1] if self.family == POSTGRESQL else self.version[:2]

    def __str__(self) -> str:
        return f"{self.path} ({'.'.join(map(str, self.version))})"


def find_programs(names: t.Sequence[str], family: str, folder: str = "") -> list[Program]:
    """The programs of one family under any of these names, the oldest first, each once.

    :param folder: where they must be; empty for the folders of ``PATH`` and those of packages.
    """
    searched = [*os.environ.get("PATH", "").split(os.pathsep), *_USUAL_FOLDERS[family]]
    patterns = [glob.escape(folder)] if folder else [one for one in searched if one]
    found: dict[str, Program] = {}
    for pattern in patterns:
        for path in (os.path.join(place, name) for place in sorted(glob.glob(pattern)) for name in names):
            # Wrappers of one file choose what they run by their name.
            key = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
            if key not in found and os.path.isfile(path) and os.access(path, os.X_OK):
                program = _program(path)
                if program is not None and program.family == family:
                    found[key] = program
    return sorted(found.values(), key=lambda program: program.version)


def _program(path: str) -> Program | None:
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            env=program_environment(),
        )
    except (OSError, subprocess.TimeoutExpired):
        # It is for another machine, or no such program at all.
        return None
    if done.returncode:
        return None
    # Some begin with where they are.
    first, _blank, rest = " ".join(done.stdout.decode("utf-8", "replace").split()).partition(" ")
    words = f"{os.path.basename(first)} {rest}"
    match = _POSTGRESQL_VERSION.search(words)
    if match is not None:
        return Program(path, POSTGRESQL, (int(match.group(1)), int(match.group(2) or 0)), words)
    for pattern in _MYSQL_VERSIONS:
        match = pattern.search(words)
        if match is not None:
            family = MARIADB if "mariadb" in words.lower() else MYSQL
            return Program(path, family, tuple(map(int, match.groups())), words)
    return None


def newest(names: t.Sequence[str], families: t.Sequence[str], folder: str = "") -> Program:
    """The newest of the programs that ask a server questions, of the first family that has one.

    :raises NotFoundError: there is none.
    """
    for family in families:
        found = find_programs(names, family, folder)
        if found:
            return found[-1]
    raise _missing(names, folder)


def program_for(names: t.Sequence[str], family: str, server: tuple[int, ...], folder: str = "") -> Program:
    """The program for a server: of its own series, else the oldest of the newer ones.

    :param server: the server's version, as :attr:`Program.version` has it.
    :raises NotFoundError: there is no such program.
    :raises UsageError: all are older than the server, whose objects they do not all know.
    """
    found = find_programs(names, family, folder)
    if not found:
        raise _missing(names, folder, family)
    size = len(found[0].series)
    same = [program for program in found if program.series == server[:size]]
    later = [program for program in found if program.series > server[:size]]
    if same:
        return same[-1]
    if later:
        return later[0]
    last = found[-1]
    version = ".".join(map(str, server))
    raise UsageError(
        f"{last} is older than the server, which is {_PRODUCTS[family]} {version}: it does not know all that is there",
        hint=f"install the client programs of {_PRODUCTS[family]} {'.'.join(map(str, server[:size]))} or later, name "
        "their folder (tools_path), or use the native engine",
        program=last.path,
        program_version=".".join(map(str, last.version)),
        server_version=version,
    )


def _missing(names: t.Sequence[str], folder: str, family: str = "") -> NotFoundError:
    where = folder or "PATH and the usual folders"
    whose = f" of {_PRODUCTS[family]}" if family else ""
    return NotFoundError(
        f"there is no program {' or '.join(names)}{whose} in {where}",
        hint="install the vendor's client programs, name their folder (tools_path), or use the native engine, which "
        "needs none",
        programs=list(names),
    )
