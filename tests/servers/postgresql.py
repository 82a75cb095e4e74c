# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a PostgreSQL build is initialised, configured and watched."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Sequence
from pathlib import Path

from .layout import Layout
from .process import remove_shared_memory, run
from .registry import ServerSpec

USER = "postgres"
PASSWORD = "dbfleet"
#: SIGQUIT: immediate shutdown, which still removes the shared memory. SIGINT: fast shutdown with a checkpoint.
STOP_SIGNAL = signal.SIGQUIT
SHUTDOWN_SIGNAL = signal.SIGINT
PORT_TAKEN = "could not bind"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "wal_level": "logical",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "max_prepared_transactions": "10",
    "shared_buffers": "32MB",
    # Nothing here has to survive a power cut; a killed server it has to, so commits still wait for the write.
    "fsync": "off",
    "full_page_writes": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def initialise(spec: ServerSpec, build: Path, environment: dict[str, str], data: Path, scratch: Path) -> None:
    """Create a data folder: the socket trusts everyone, TCP asks for a SCRAM password."""
    password_file = scratch / "password"
    password_file.write_text(PASSWORD + "\n")
    password_file.chmod(0o644)
    arguments = [
        f"--pgdata={data}", f"--username={USER}", f"--pwfile={password_file}", "--auth-local=trust",
        "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-sync",
    ]  # fmt: skip
    run([build / "bin/initdb", *arguments], env=environment, as_server_user=True, cwd=Path("/"))


def settings_digest_text() -> str:
    """What the content of a fresh data folder depends on besides the build."""
    return "1"


def configure(layout: Layout, port: int, extra: Sequence[tuple[str, str | None]], hba: Sequence[str]) -> None:
    """Write the settings of this instance; ``extra`` ones win, ``hba`` lines come before all others."""
    settings = {**_SETTINGS, "port": str(port), "unix_socket_directories": str(layout.socket_dir)}
    if layout.tls is not None:
        settings.update(
            ssl="on",
            ssl_cert_file=str(layout.tls.server_cert),
            ssl_key_file=str(layout.tls.server_key),
            ssl_ca_file=str(layout.tls.ca_cert),
        )
    for key, value in extra:
        settings[key] = "on" if value is None else value
    quoted = (f"{key} = '" + value.replace("'", "''") + "'\n" for key, value in settings.items())
    # Last in the main file: the command line's and ALTER SYSTEM's settings still win.
    _rewrite(layout.data_dir / "postgresql.conf", after="# --- this instance ---\n" + "".join(quoted))
    _rewrite(layout.data_dir / "pg_hba.conf", before="".join(f"{line}\n" for line in hba) + "# --- template ---\n")


def _rewrite(path: Path, *, before: str = "", after: str = "") -> None:
    """Put text around the original content of a file, replacing what an earlier call put there."""
    content = path.read_text()
    if before:
        content = before + content.rpartition("# --- template ---\n")[2]
    if after:
        content = content.partition("# --- this instance ---\n")[0] + after
    path.write_text(content)


def command(layout: Layout) -> list[str]:
    """The server program in the foreground."""
    return [str(layout.build / "bin/postgres"), "-D", str(layout.data_dir)]


def is_ready(layout: Layout) -> bool:
    """Whether connections are accepted: the eighth line of the lock file says so since release 10."""
    with contextlib.suppress(FileNotFoundError):
        lines = (layout.data_dir / "postmaster.pid").read_text().splitlines()
        return len(lines) >= 8 and lines[7].strip() in {"ready", "standby"}
    return False


def before_restart(layout: Layout) -> None:
    """A killed server leaves its lock file, whose state line must not be taken for the new server's."""
    release_shared_memory(layout.data_dir)
    (layout.data_dir / "postmaster.pid").unlink(missing_ok=True)


def socket_of(layout: Layout) -> str:
    """What clients take as host to connect over the socket: its folder."""
    return str(layout.socket_dir)


def release_shared_memory(data: Path) -> None:
    """Remove the shared memory segment that a killed server noted in its lock file (seventh line: key and number)."""
    with contextlib.suppress(FileNotFoundError):
        lines = (data / "postmaster.pid").read_text().splitlines()
        if len(lines) >= 7 and len(lines[6].split()) == 2:
            remove_shared_memory(int(lines[6].split()[1]))
