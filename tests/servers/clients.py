# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vendors' client programs, run so that nothing of this machine's set-up reaches them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from .debian import LIBRARIES
from .errors import CommandFailed, ServerUnavailable
from .install import install, program_environment
from .instance import Server
from .registry import CLIENTS, ClientSpec

Version = Union[int, float, str, Sequence[int], None]


@dataclass(frozen=True)
class ClientProgram:
    """One program of a client bundle."""

    program: str
    spec: ClientSpec
    #: The build it belongs to.
    build: Path

    @property
    def path(self) -> Path:
        """The program file."""
        folder = "bin" if self.spec.flavor == "postgresql" else "usr/bin"
        return self.build / folder / self.program

    def argv(self, server: Server | None, *args: str | Path, tcp: bool = False) -> list[str]:
        """The command line that connects to ``server``; None for work that needs no server."""
        return [str(self.path), *self._leading(server, tcp), *(str(part) for part in args)]

    def environment(self, server: Server | None, *, tcp: bool = False) -> dict[str, str]:
        """The environment that goes with :meth:`argv`, the password included."""
        environment = program_environment(self.spec.build, self.build)
        if self.spec.flavor == "other":
            return environment
        if self.spec.flavor == "mysql":
            environment["LIBMYSQL_PLUGIN_DIR"] = str(self.build / "usr/lib/mysql/plugin")
        elif self.spec.flavor != "postgresql":
            environment["MARIADB_PLUGIN_DIR"] = str(self.build / LIBRARIES / "libmariadb3/plugin")
        # Passwords, services and login paths of the person who runs the tests.
        environment.update(PGPASSFILE="/dev/null", PGSERVICEFILE="/dev/null", MYSQL_TEST_LOGIN_FILE="/dev/null")
        if server is not None:
            environment.update(server.env(tcp=tcp))
        return environment

    def run(
        self,
        server: Server | None,
        *args: str | Path,
        input: bytes | str | None = None,  # noqa: A002 - the name it has in subprocess.run
        check: bool = True,
        tcp: bool = False,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 300,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run to the end and return the result with both outputs as bytes.

        :param env: variables on top of those of :meth:`environment`.
        :raises CommandFailed: it ended with a non-zero code and ``check`` is true.
        """
        command = self.argv(server, *args, tcp=tcp)
        given = input.encode() if isinstance(input, str) else input
        done = subprocess.run(
            command,
            env={**self.environment(server, tcp=tcp), **(env or {})},
            cwd=cwd,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise CommandFailed(command, done.returncode, done.stderr.decode(errors="replace"))
        return done

    def _leading(self, server: Server | None, tcp: bool) -> list[str]:
        if self.spec.flavor == "other":
            return []
        if self.spec.flavor == "postgresql":
            # The person's start-up file is not read, and a failed statement of a script is a failure.
            return ["--no-psqlrc", "--set=ON_ERROR_STOP=1"] if self.program == "psql" else []
        connection = [] if server is None else self._connection(server, tcp)
        if self.spec.flavor == "mydumper":
            return connection
        home = self.build / "usr/share"
        charsets = next(path for path in (home / "mariadb/charsets", home / "mysql/charsets") if path.exists())
        leading = ["--no-defaults", f"--character-sets-dir={charsets}"]
        if not self.program.endswith("binlog"):
            leading.append("--default-character-set=utf8mb4")
        if self.program == "mysql":
            # A server that does not know this client's collation for utf8mb4 would take latin1 instead.
            leading.append("--init-command=SET NAMES utf8mb4")
        return [*leading, *connection]

    def _connection(self, server: Server, tcp: bool) -> list[str]:
        where = [f"--host={server.host}", f"--port={server.port}"] if tcp else [f"--socket={server.socket}"]
        flags = [f"--user={server.user}", *where]
        if self.spec.flavor == "mysql" and tcp and server.tls is None:
            flags.append("--get-server-public-key")  # what the password is encrypted with, where TLS does not
        # Since 11.4 the client insists on TLS.
        if self.spec.flavor == "mariadb" and self.spec.series >= (11, 4) and server.tls is None:
            flags.append("--skip-ssl")
        return flags


def client(program: str, *, version: Version = None) -> ClientProgram:
    """A client program by its name; without ``version`` the newest there is.

    :param version: the series, such as 16, "10.11" or (10, 11).
    :raises ServerUnavailable: no bundle has it, or the bundle cannot be had on this machine.
    """
    wanted = _series(version)
    having = [spec for spec in CLIENTS.values() if program in spec.programs]
    matching = [spec for spec in having if wanted is None or spec.series == wanted]
    if not matching:
        known = ", ".join(f"{spec.name} ({'.'.join(map(str, spec.series))})" for spec in having) or "none"
        raise ServerUnavailable(program, f"no client bundle has it in version {version}; bundles with it: {known}")
    spec = max(matching, key=lambda one: one.series)
    return ClientProgram(program, spec, install(spec.build))


def _series(version: Version) -> tuple[int, ...] | None:
    if version is None:
        return None
    parts = str(version).split(".") if isinstance(version, (int, float, str)) else version
    return tuple(int(part) for part in parts)
