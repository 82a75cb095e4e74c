# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The recovery of a restored data folder, behind closed doors.

While it recovers, the server listens on a private socket only, so that nobody works with a state that may be the wrong
one; there it is asked how far it came.
"""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import os
import re
import signal
import time
import typing as t

from ..errors import CorruptArtifactError, DbfleetError, NotFoundError, RestoreError
from ..lazy_dataclass import dataclass
from ..postgresql.connection import connect
from ..postgresql.options import ConnectionOptions
from ..postgresql.physical_restore.recovery import PAUSE, SHUTDOWN, RecoveryTarget
from ..postgresql.replication.control_file import IN_PRODUCTION, parse_control_file
from ..postgresql.replication.control_file import PATH as CONTROL_FILE
from ..progress import Progress
from .launch import CONFIGURATION
from .postgresql import server_folders
from .process import PrivateFolder, Program, find_programs, paths_of, stop
from .server_log import telling_lines
from .start import is_accepting

PROMOTED, PAUSED, SHUT_DOWN = "promoted", "paused", "shut down"
_PORT = 5432
_POLL_SECONDS = 0.1
_HBA_NAME = "pg_hba.conf"
_PROGRESS = """
    SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_last_wal_replay_lsn(),
        pg_catalog.to_char(
            pg_catalog.pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
"""
_IS_PAUSED = "SELECT pg_catalog.pg_is_in_recovery() AND pg_catalog.pg_is_wal_replay_paused()"


@dataclass(frozen=True)
class Recovered:
    """How far recovery came.

    :param state: :data:`PROMOTED`, :data:`PAUSED` or :data:`SHUT_DOWN`.
    :param lsn: behind the last record that was applied; empty where the server could not be asked.
    :param time: when the last transaction ended that was applied, UTC; empty for none, or not asked.
    :param timeline: that the server writes now; 0 where it writes none.
    :param running: whether the server was left running, then with its first ``process`` and the ``port``.
    """

    state: str
    lsn: str
    time: str
    timeline: int
    running: bool
    process: int = 0
    port: int = 0

    def to_dict(self) -> dict[str, t.Any]:
        return dataclasses.asdict(self)


def find_server(given: str) -> list[Program]:
    """The server programs on this host.

    :param given: their folder; empty for the usual ones.
    :raises NotFoundError: there are none.
    """
    found = find_programs(paths_of(("postgres",), server_folders(), given))
    if not found:
        raise NotFoundError(
            "there are no server programs of PostgreSQL on this host",
            hint="name their folder (server_programs), or start the server yourself (leave start out)",
        )
    return found


def program_of(major: str, given: str) -> Program:
    """The server program of one version.

    :param major: as PG_VERSION has it.
    :raises NotFoundError: it is not on this host.
    """
    found = find_server(given)
    for program in found:
        if str(program.version[0]) == major:
            return program
    raise NotFoundError(
        f"there are no server programs of PostgreSQL {major} on this host "
        f"(found: {', '.join(program.path for program in found)})",
        hint="install them, name their folder (server_programs), or let another host recover (leave start and recover "
        "out)",
    )


def recover(
    program: Program, data: str, account: str, target: RecoveryTarget, progress: Progress, *, configuration: str = ""
) -> Recovered:
    """Start the server in a restored folder, wait until its recovery ends, and stop it again.

    :param account: whose the folder is.
    :param configuration: its postgresql.conf where that is not in the folder; empty where it is, or is not known.
    :raises RestoreError: the server does not come to the target; the error quotes its log.
    """
    progress.phase("recovering")
    folder = PrivateFolder("", (account,))
    try:
        return _behind_closed_doors(program, folder, data, target, configuration, progress)
    finally:
        folder.remove()


def _behind_closed_doors(
    program: Program,
    folder: PrivateFolder,
    data: str,
    target: RecoveryTarget,
    configuration: str,
    progress: Progress,
) -> Recovered:
    rules = os.path.join(folder.path, _HBA_NAME)
    with open(rules, "w", encoding="ascii") as file:
        file.write("local all all trust\n")
    os.chmod(rules, 0o644)
    settings: tuple[str, ...] = (
        "listen_addresses=",
        f"unix_socket_directories={folder.path}",
        f"port={_PORT}",
        f"hba_file={rules}",
        "logging_collector=off",
        # Certificates need not be on this host, and nobody comes over a network.
        "ssl=off",
        "log_destination=stderr",
        "lc_messages=C",
        # The file may be that of a server that runs beside.
        "external_pid_file=",
        # Nobody asks before the end, and a server that takes no queries does not stop where it has less of something
        # than the one before had.
        f"hot_standby={'on' if target.action == PAUSE else 'off'}",
    )
    settings += _configuration(folder, data, configuration)
    process = folder.start([program.path, "-D", data, *(word for one in settings for word in ("-c", one))])
    before = _timelines(data)
    try:
        while True:
            if process.poll() is not None:
                if target.action == SHUTDOWN and not target.is_latest and _says(folder, "shutdown at recovery target"):
                    return Recovered(SHUT_DOWN, *_stopped_at(folder), 0, running=False)
                raise RestoreError(
                    f"{data} is restored, but its server does not come to {target.text}: {_last_words(folder)}",
                    hint="the folder stays as it is; restore again after the cause is removed, with delta or elsewhere",
                    began=_has_begun(folder),
                )
            # The control file of a backup says so too, until the server begins to recover.
            if is_accepting(data) and _is_in_production(data):
                lsn, when = _asked(folder)
                new = sorted(_timelines(data) - before)
                return Recovered(PROMOTED, lsn, when, new[-1] if new else 0, running=False)
            if target.action == PAUSE and is_accepting(data) and _is_paused(folder):
                _check_settings_suffice(folder, data)
                lsn, when = _asked(folder)
                return Recovered(PAUSED, lsn, when, 0, running=False)
            progress.advance(0)
            time.sleep(_POLL_SECONDS)
    finally:
        stop(process, signal.SIGINT)


def _configuration(folder: PrivateFolder, data: str, known: str) -> tuple[str, ...]:
    """Settings that name a configuration outside the data folder, as Debian has it and so in no backup.

    Where it is not known either, one stands in that has much of everything of which a server needs as much as the one
    before had.
    """
    if known:
        return (f"config_file={known}", f"data_directory={data}")
    if os.path.exists(os.path.join(data, CONFIGURATION)):
        return ()
    path = os.path.join(folder.path, CONFIGURATION)
    with open(path, "w", encoding="ascii") as file:
        file.write("max_connections = 1000\nmax_worker_processes = 64\nmax_wal_senders = 100\n")
        file.write("max_prepared_transactions = 1000\nmax_locks_per_transaction = 256\n")
    os.chmod(path, 0o644)
    return (f"config_file={path}",)


def _is_in_production(data: str) -> bool:
    """Whether recovery is over, down to the last step: to stop a server before that would have it recover further."""
    try:
        with open(os.path.join(data, CONTROL_FILE), "rb") as file:
            return parse_control_file(file.read()).state == IN_PRODUCTION
    except (OSError, CorruptArtifactError):
        # It is just being written.
        return False


def _timelines(data: str) -> set[int]:
    names = glob.glob(os.path.join(glob.escape(data), "pg_wal", "*.history"))
    return {int(os.path.basename(name)[:8], 16) for name in names if re.match(r"[0-9A-F]{8}\.", os.path.basename(name))}


def _question(folder: PrivateFolder, query: str) -> list[t.Any]:
    """The first row of an answer; empty where nobody may ask."""
    for user in ("postgres", folder.user_name):
        with contextlib.suppress(DbfleetError):
            session = connect(ConnectionOptions(unix_socket=folder.path, port=_PORT, user=user), database="postgres")
            with contextlib.closing(session):
                return list(session.query(query)[0])
    return []


def _is_paused(folder: PrivateFolder) -> bool:
    row = _question(folder, _IS_PAUSED)
    return row[0] in ("t", True) if row else _says(folder, "recovery has paused")


def _asked(folder: PrivateFolder) -> tuple[str, str]:
    row = _question(folder, _PROGRESS)
    return (str(row[1] or ""), str(row[2] or "")) if row else ("", "")


def _says(folder: PrivateFolder, words: str) -> bool:
    return words in _log(folder)


def _check_settings_suffice(folder: PrivateFolder, data: str) -> None:
    """:raises RestoreError: the server paused before the target, because it has less of something than the old one."""
    if _says(folder, "hot standby is not possible because"):
        raise RestoreError(
            f"{data} is restored, but its server paused before the target: {_last_words(folder)}",
            hint="raise what the log names in the server's configuration, or restore with another target_action",
        )


def _last_words(folder: PrivateFolder) -> str:
    return "; ".join(telling_lines(_log(folder))) or folder.last_words()


def _has_begun(folder: PrivateFolder) -> bool:
    """Whether a server that ended by itself had begun to recover: before that, its host or settings are the cause."""
    began = any(_says(folder, words) for words in ("redo starts at", "checkpoint record"))
    return began and not _says(folder, "No space left on device")


def _stopped_at(folder: PrivateFolder) -> tuple[str, str]:
    """What the log tells of a server that ended by itself."""
    log = _log(folder)
    lsn = re.findall(r"(?:WAL location \(LSN\) \"|redo done at )([0-9A-F]+/[0-9A-F]+)", log)
    return lsn[-1] if lsn else "", ""


def _log(folder: PrivateFolder) -> str:
    with contextlib.suppress(OSError), open(folder.log, encoding="utf-8", errors="replace") as file:
        return file.read()
    return ""
