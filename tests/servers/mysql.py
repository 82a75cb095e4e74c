# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a MySQL or MariaDB build is initialised, configured and watched."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from .errors import ServerStartError
from .layout import Layout
from .paths import server_user
from .process import identity, run
from .registry import ServerSpec

USER = "root"
PASSWORD = "dbfleet"
#: Throw-away data needs no orderly end, which takes MySQL seconds.
STOP_SIGNAL = signal.SIGKILL
SHUTDOWN_SIGNAL = signal.SIGTERM
PORT_TAKEN = "Address already in use"

# One statement a line: release 5.7 reads an init file by lines.
_ACCOUNTS = f"""\
ALTER USER 'root'@'localhost' IDENTIFIED BY '{PASSWORD}';
CREATE USER 'root'@'%' IDENTIFIED BY '{PASSWORD}';
GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;
"""
# mariadb-install-db makes root accounts without a password for the addresses of this machine.
_MARIADB_ACCOUNTS = (
    _ACCOUNTS
    + """\
DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host NOT IN ('localhost', '%'));
FLUSH PRIVILEGES;
"""
)


def program_options(spec: ServerSpec, build: Path) -> dict[str, str]:
    """Where a relocated server finds its own files."""
    home = build if spec.build.name == "mysql57" else build / "usr"
    share = next(path for path in (home / "share/mariadb", home / "share/mysql") if (path / "english").exists())
    options = {"basedir": home, "lc-messages-dir": share}
    # The 5.7 tarball has neither: its character sets are compiled in.
    optional = {"character-sets-dir": share / "charsets", "plugin-dir": home / "lib/mysql/plugin"}
    options.update((key, path) for key, path in optional.items() if path.exists())
    return {key: str(path) for key, path in options.items()}


def _program(spec: ServerSpec, build: Path) -> Path:
    return build / spec.build.programs[0]


def _flag_list(options: dict[str, str]) -> list[str]:
    return [f"--{key}={value}" for key, value in options.items()]


def initialise(spec: ServerSpec, build: Path, environment: dict[str, str], data: Path, scratch: Path) -> None:
    """Create a data folder whose root has the same password on the socket and over TCP."""
    temporary = scratch / "tmp"
    temporary.mkdir()
    if server_user().is_other:
        os.chown(temporary, server_user().uid, server_user().gid)
    options = {**program_options(spec, build), "datadir": str(data), "tmpdir": str(temporary)}
    command: list[str | Path]
    if spec.flavor == "mariadb":
        flags = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        command = [build / "usr/bin/mariadb-install-db", "--no-defaults", *_flag_list(options), *flags]
    else:
        command = [_program(spec, build), "--no-defaults", *_flag_list(options), "--initialize-insecure"]
    run(command, env=environment, as_server_user=True, cwd=Path("/"))
    accounts = scratch / "accounts.sql"
    accounts.write_text(_MARIADB_ACCOUNTS if spec.flavor == "mariadb" else _ACCOUNTS)
    accounts.chmod(0o644)
    options.update({"init-file": str(accounts), "secure-file-priv": "", "socket": str(temporary / "s")})
    _run_once(spec, build, options, environment, scratch / "first-start.log")
    for pattern in ("auto.cnf", "*.pid", "*.err", "ib_buffer_pool", "ca*.pem", "server-*.pem", "client-*.pem"):
        for path in data.glob(pattern):
            path.unlink()


def _run_once(spec: ServerSpec, build: Path, options: dict[str, str], environment: dict[str, str], log: Path) -> None:
    """Start the server without network and with no binary log, and shut it down cleanly once it is up."""
    flags = ["--no-defaults", *_flag_list(options), "--skip-networking", "--skip-log-bin"]
    command = [str(_program(spec, build)), *flags]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output, umask=0o022,
            **identity(server_user()),
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while not greets(options["socket"]):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerStartError(spec.name, "its first start failed", log.read_text(errors="replace")[-4000:])
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.wait(120)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    text = log.read_text(errors="replace")
    if process.returncode or "ERROR: 1" in text:
        raise ServerStartError(spec.name, f"its first start ended with code {process.returncode}", text[-4000:])


def settings_digest_text() -> str:
    """What the content of a fresh data folder depends on besides the build."""
    return _MARIADB_ACCOUNTS


def configure(layout: Layout, port: int, extra: Sequence[tuple[str, str | None]], hba: Sequence[str]) -> None:
    """Write the option file of this instance; ``extra`` ones win."""
    if hba:
        raise ValueError("hba lines are a PostgreSQL setting")
    settings: dict[str, str | None] = {
        **program_options(layout.spec, layout.build),
        "datadir": str(layout.data_dir),
        "tmpdir": str(layout.tmp_dir),
        "socket": str(layout.socket_dir / "mysql.sock"),
        "pid-file": str(layout.folder / "tmp/server.pid"),
        "port": str(port),
        "bind-address": "127.0.0.1",
        # Otherwise 127.0.0.1 becomes localhost, which is the account of the socket.
        "skip-name-resolve": None,
        "secure-file-priv": "",
        "server-id": "1",
        "log-bin": str(layout.data_dir / "binlog"),
        "binlog-format": "ROW",
        # Nothing here has to survive a power cut; a killed server it has to, so commits still wait for the write.
        "sync-binlog": "0",
        "innodb-flush-log-at-trx-commit": "2",
        "innodb-flush-method": "nosync",
        "innodb-doublewrite": "OFF",
        "innodb-buffer-pool-size": "64M",
        # The kernel's places for it are few, and many servers run side by side.
        "innodb-use-native-aio": "OFF",
        "performance-schema": "OFF",
    }
    settings.update(_flavor_settings(layout))
    settings.update(extra)
    lines = [key if value is None else f"{key} = {value}" for key, value in settings.items()]
    (layout.folder / "my.cnf").write_text("[mysqld]\n" + "\n".join(lines) + "\n")


def _flavor_settings(layout: Layout) -> dict[str, str | None]:
    settings: dict[str, str | None] = {}
    if layout.spec.flavor == "mariadb":
        settings["gtid-strict-mode"] = "ON"
        if layout.tls is None:
            settings["skip-ssl"] = None  # since 11.4 TLS is on by itself, with a certificate made at start
    else:
        settings.update({"gtid-mode": "ON", "enforce-gtid-consistency": "ON"})
        # Without certificates there is no TLS.
        settings["auto-generate-certs"] = "OFF"
        if layout.spec.series >= (8,):
            settings.pop("binlog-format", None)
            settings.update({"mysqlx": "OFF", "table-open-cache": "200", "table-definition-cache": "400"})
    if layout.tls is not None:
        settings.update(
            {
                "ssl-ca": str(layout.tls.ca_cert),
                "ssl-cert": str(layout.tls.server_cert),
                "ssl-key": str(layout.tls.server_key),
            }
        )
    return settings


def command(layout: Layout) -> list[str]:
    """The server program in the foreground."""
    return [str(_program(layout.spec, layout.build)), f"--defaults-file={layout.folder / 'my.cnf'}"]


def is_ready(layout: Layout) -> bool:
    """Whether connections are accepted."""
    return greets(str(layout.socket_dir / "mysql.sock"))


def before_restart(layout: Layout) -> None:
    """A killed server leaves its socket."""
    for path in layout.socket_dir.iterdir():
        path.unlink()


def socket_of(layout: Layout) -> str:
    """The socket file."""
    return str(layout.socket_dir / "mysql.sock")


def greets(path: str) -> bool:
    """Whether a server sends its greeting (a packet that begins with the protocol's version, 10) on this socket."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
        return connection.recv(5)[4:5] == b"\x0a"
    return False
