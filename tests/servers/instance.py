# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A running server."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Union

from . import folders, registry, templates
from .dbms import dbms_of
from .errors import ServerStartError, ServerUnavailable
from .install import install, program_environment, record
from .layout import Layout
from .paths import server_user
from .process import end_all_in, identity, start_time
from .tls import TLSFiles, make_certificates

ExtraConfig = Union[Mapping[str, str], Sequence[str]]
_RECORD = "server.json"
_START_SECONDS = 90
_PORT_ATTEMPTS = 5
# Below the range that the kernel hands out for outgoing connections.
_PORTS = range(18000, 32000)
_live: set[Server] = set()


class Server:
    """A server that listens on a socket in its own folder and on 127.0.0.1.

    PostgreSQL trusts everyone on the socket and asks for the password over TCP; MySQL and MariaDB ask for it on both.
    """

    host = "127.0.0.1"

    def __init__(self, layout: Layout, version: tuple[int, ...]) -> None:
        self._layout = layout
        self._dbms = dbms_of(layout.spec)
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: folders.Guard | None = None
        self._creator = os.getpid()
        self._started: int | None = None
        self.name = layout.spec.name
        self.dbms = layout.spec.dbms
        self.flavor = layout.spec.flavor
        #: The full version, such as (16, 15) or (10, 11, 18).
        self.version = version
        self.user = self._dbms.USER
        self.password = self._dbms.PASSWORD
        self.port = 0
        self.pid = 0

    @property
    def data_dir(self) -> Path:
        """The data folder."""
        return self._layout.data_dir

    @property
    def folder(self) -> Path:
        """The instance's own folder; removed by :meth:`stop`."""
        return self._layout.folder

    @property
    def log(self) -> Path:
        """The server's log."""
        return self._layout.log

    @property
    def tls(self) -> TLSFiles | None:
        """The certificates, when it was started with TLS."""
        return self._layout.tls

    @property
    def socket(self) -> str:
        """The socket's folder (PostgreSQL) or file (MySQL, MariaDB)."""
        return self._dbms.socket_of(self._layout)

    @property
    def running(self) -> bool:
        """Whether the server process is there."""
        if self._process is not None:
            return self._process.poll() is None
        return self._started is not None and start_time(self.pid) == self._started

    def launch(self, extra: Sequence[tuple[str, str | None]], hba: Sequence[str]) -> None:
        """Start the server process on a free port and wait until it accepts connections."""
        for attempt in range(_PORT_ATTEMPTS):
            self.port = _free_port()
            self._dbms.configure(self._layout, self.port, extra, hba)
            try:
                self._spawn()
            except ServerStartError as error:
                if self._dbms.PORT_TAKEN not in error.log or attempt == _PORT_ATTEMPTS - 1:
                    raise
            else:
                return

    def _spawn(self) -> None:
        environment = program_environment(self._layout.spec.build, self._layout.build)
        environment["TMPDIR"] = str(self._layout.tmp_dir)
        with self.log.open("ab") as log:
            position = log.tell()
            self._process = subprocess.Popen(
                self._dbms.command(self._layout),
                env=environment,
                cwd=self.data_dir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o022,
                **identity(server_user()),
            )
        self.pid = self._process.pid
        self._started = start_time(self.pid)
        self._guard = folders.Guard(self.pid, self.folder)
        _live.add(self)
        deadline = time.monotonic() + _START_SECONDS
        while not self._dbms.is_ready(self._layout):
            if not self.running or time.monotonic() > deadline:
                code = self._process.poll()
                self._end(signal.SIGKILL)
                reason = f"not ready after {_START_SECONDS} s" if code is None else f"it ended with code {code}"
                output = self.log.read_bytes()[position:].decode(errors="replace")
                raise ServerStartError(self.name, reason, output[-6000:])
            time.sleep(0.01)
        self._write_record()

    def _end(self, how: signal.Signals, timeout: float = 60) -> None:
        """Send a signal to the server and wait for all its processes; kill them after ``timeout`` seconds."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, how)
            self._wait(timeout)
        end_all_in(self.folder)
        if self._process is not None:
            self._process.wait()
        if self._guard is not None:
            self._guard.release()
            self._guard = None
        _live.discard(self)

    def _wait(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while self.running and time.monotonic() < deadline:
            time.sleep(0.01)

    def stop(self) -> None:
        """End the server for good and remove its folder. Does nothing the second time."""
        if self.running or self.folder.exists():
            self._end(self._dbms.STOP_SIGNAL)
            folders.remove(self.folder)

    def kill(self) -> None:
        """SIGKILL the server (and the processes it started); its folder stays, see :meth:`restart`."""
        self._end(signal.SIGKILL)

    def shutdown(self) -> None:
        """End the server in its clean way; its folder stays, see :meth:`restart`."""
        self._end(self._dbms.SHUTDOWN_SIGNAL)

    def restart(self) -> None:
        """Start the server on the same data, port and settings, however it ended; a running one is shut down first."""
        if self.running:
            self.shutdown()
        self._dbms.before_restart(self._layout)
        self._spawn()

    def detach(self) -> None:
        """Let the server outlive this process; its folder is garbage once the server is gone."""
        folders.set_owner(self.folder, self.pid)
        if self._guard is not None:
            self._guard.release()
            self._guard = None
        _live.discard(self)

    def _write_record(self) -> None:
        values = {
            "name": self.name, "version": self.version, "port": self.port, "pid": self.pid,
            "started": self._started, "tls": self.tls is not None, "build": str(self._layout.build),
        }  # fmt: skip
        (self.folder / _RECORD).write_text(json.dumps(values))

    @classmethod
    def attach(cls, folder: Path) -> Server:
        """The server that another process started in ``folder``.

        :raises FileNotFoundError: its folder is gone.
        """
        values = json.loads((folder / _RECORD).read_text())
        tls = TLSFiles(folder / "tls") if values["tls"] else None
        layout = Layout(registry.SERVERS[values["name"]], Path(values["build"]), folder, tls)
        server = cls(layout, tuple(values["version"]))
        server.port, server.pid, server._started = values["port"], values["pid"], values["started"]
        return server

    def env(self, *, tcp: bool = False) -> dict[str, str]:
        """What makes client programs connect here, over the socket or over TCP."""
        if self.dbms == "postgresql":
            host = self.host if tcp else self.socket
            return {"PGHOST": host, "PGPORT": str(self.port), "PGUSER": self.user, "PGPASSWORD": self.password}
        return {
            "MYSQL_HOST": self.host if tcp else "localhost",
            "MYSQL_TCP_PORT": str(self.port),
            "MYSQL_UNIX_PORT": self.socket,
            "MYSQL_USER": self.user,
            "MYSQL_PWD": self.password,
        }

    def connect(self, database: str | None = None, **arguments: Any) -> Any:
        """A psycopg or pymysql connection in autocommit mode, over the socket unless ``host`` is given."""
        given = {"user": self.user, "password": self.password, "port": self.port, "autocommit": True, **arguments}
        if self.dbms == "postgresql":
            import psycopg

            return psycopg.connect(**{"host": self.socket, "dbname": database or "postgres", **given})
        import pymysql

        if "host" not in given:
            given["unix_socket"] = self.socket
        return pymysql.connect(**{"database": database, "charset": "utf8mb4", **given})

    def execute(self, *statements: str, database: str | None = None, **arguments: Any) -> list[tuple[Any, ...]]:
        """Run statements on a connection of their own and return the rows of the last one."""
        connection = self.connect(database, **arguments)
        try:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Server {self.name} {'.'.join(map(str, self.version))} pid {self.pid} port {self.port}>"


def start(
    name: str,
    *,
    tls: bool = False,
    extra_config: ExtraConfig = (),
    hba: Sequence[str] = (),
    data: Path | None = None,
    files: Mapping[str, str] | None = None,
) -> Server:
    """Start a fresh server with an empty data folder.

    :param tls: give it certificates made for it (see :attr:`Server.tls`); without, it speaks no TLS.
    :param extra_config: settings that win over ours: a mapping, or lines "key=value" (or only "key").
    :param hba: lines for the front of PostgreSQL's pg_hba.conf.
    :param data: the data folder of a server that is shut down, to begin with a copy of it.
    :param files: texts of more files in the data folder, by their names.
    :raises ServerUnavailable: the build cannot be had on this machine.
    :raises ServerStartError: it is there and does not start.
    """
    if name not in registry.SERVERS:
        raise ServerUnavailable(name, f"no such server; known are: {' '.join(registry.SERVERS)}")
    spec = registry.SERVERS[name]
    build = install(spec.build)
    template = templates.template_of(spec, build)
    folders.sweep()
    folder = folders.create()
    server = None
    try:
        folders.own_subfolder(folder, "s")
        folders.own_subfolder(folder, "tmp")
        templates.copy(data or template, folder / "data")
        for file, text in (files or {}).items():
            (folder / "data" / file).write_text(text)
            folders.give_to_server(folder / "data" / file)
        layout = Layout(spec, build, folder, _certificates(spec, folder) if tls else None)
        server = Server(layout, _version(spec))
        server.launch(_pairs(extra_config), hba)
    except BaseException:
        if server is not None:
            server.stop()
        folders.remove(folder)
        raise
    return server


def _certificates(spec: registry.ServerSpec, folder: Path) -> TLSFiles:
    files = make_certificates(folder / "tls", client_name=dbms_of(spec).USER)
    folders.give_to_server(files.server_key)
    return files


def _pairs(extra: ExtraConfig) -> list[tuple[str, str | None]]:
    if isinstance(extra, Mapping):
        return list(extra.items())
    pairs: list[tuple[str, str | None]] = []
    for line in extra:
        key, equals, value = line.removeprefix("--").partition("=")
        pairs.append((key.strip(), value.strip() if equals else None))
    return pairs


def _version(spec: registry.ServerSpec) -> tuple[int, ...]:
    answer = record(spec.build)["versions"][spec.build.programs[0]]
    found = re.search(r"(?:Ver|\(PostgreSQL\)) (\d+(?:\.\d+)*)", answer)
    if found is None:
        raise ServerUnavailable(spec.name, f"its version cannot be read from {answer!r}")
    return tuple(int(part) for part in found.group(1).split("."))


def _free_port() -> int:
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@atexit.register
def _stop_all() -> None:
    for server in list(_live):
        if server._creator == os.getpid():  # a forked child inherits the set, not the servers
            server.stop()
