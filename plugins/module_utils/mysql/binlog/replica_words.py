# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""How each server says what concerns its being a replica: MariaDB, MySQL to 8.0, and MySQL since."""

from __future__ import annotations

import dataclasses
import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import literal
from ..session import Record, Session

#: The channel, or connection, that a replay uses.
CHANNEL = "dbfleet_replay"


@dataclass(frozen=True)
class Place:
    """Where a replica's source is, and how to get in.

    :param user: without a password here where START takes it, so that the target stores none.
    :param authority: a file on the target's host by which it verifies the source's certificate; empty for no TLS.
    """

    host: str
    port: int
    user: str
    password: str = dataclasses.field(repr=False)
    file: str = ""
    position: int = 0
    authority: str = ""


@dataclass(frozen=True)
class ReplicaStatus:
    """What a replica says of itself.

    :param file: with ``position`` behind the last transaction that it applied, in the source's file.
    :param relay_bytes: of events that it has received and not removed yet.
    :param idle: everything received is applied.
    :param filters: the replication filters that it has.
    """

    channel: str
    host: str
    user: str
    receiving: str
    applying: str
    file: str
    position: int
    relay_bytes: int
    idle: bool
    receive_error: str
    apply_error: str
    filters: tuple[str, ...]


_FILTERS = (
    "replicate_do_db", "replicate_ignore_db", "replicate_do_table", "replicate_ignore_table",
    "replicate_wild_do_table", "replicate_wild_ignore_table", "replicate_rewrite_db",
    "replicate_do_domain_ids", "replicate_ignore_domain_ids",
)  # fmt: skip


class ReplicaWords:
    """The statements for one server's family and version, found by what it has.

    :param session: of a user who may be asked; nothing is changed.
    """

    def __init__(self, session: Session) -> None:
        self._mariadb = session.version.is_mariadb
        # MySQL renamed statements and variables in the same releases.
        self._new = not self._mariadb and session.has_variable("replica_parallel_workers")
        named = session.variables.get("master_info_repository", "TABLE") == "TABLE"
        self.channel = CHANNEL if self._mariadb or named else ""
        self.has_assigned_gtids = self._new

    @property
    def show(self) -> str:
        if self._mariadb:
            return "SHOW ALL SLAVES STATUS"
        return "SHOW REPLICA STATUS" if self._new else "SHOW SLAVE STATUS"

    def change(self, place: Place, *, assign_gtids: bool) -> str:
        """Point the server to a source. The password is in it only where START cannot take it."""
        word = "SOURCE" if self._new else "MASTER"
        settings = {
            "HOST": literal(place.host),
            "PORT": str(place.port),
            "USER": literal(place.user),
            "LOG_FILE": literal(place.file),
            "LOG_POS": str(place.position),
            "SSL": "1" if place.authority else "0",
            "CONNECT_RETRY": "1",
        }
        if place.authority:
            settings.update({"SSL_CA": literal(place.authority), "SSL_VERIFY_SERVER_CERT": "1"})
        if self._mariadb:
            settings.update({"PASSWORD": literal(place.password), "USE_GTID": "no"})
        else:
            settings.update({"AUTO_POSITION": "0", "RETRY_COUNT": "3"})
        text = ", ".join(f"{word}_{name} = {value}" for name, value in settings.items())
        if assign_gtids:
            text += ", ASSIGN_GTIDS_TO_ANONYMOUS_TRANSACTIONS = LOCAL"
        if self._mariadb:
            return f"CHANGE MASTER {literal(self.channel)} TO {text}"
        return f"CHANGE {'REPLICATION SOURCE' if self._new else 'MASTER'} TO {text}{self._for_channel}"

    def start(self, place: Place) -> str:
        login = "" if self._mariadb else f" USER = {literal(place.user)} PASSWORD = {literal(place.password)}"
        return f"START {self._replica}{login}{self._for_channel}"

    def start_applying(self) -> str:
        if self._mariadb:
            return f"START SLAVE {literal(self.channel)} SQL_THREAD"
        return f"START {self._noun} SQL_THREAD{self._for_channel}"

    def stop_receiving(self) -> str:
        if self._mariadb:
            return f"STOP SLAVE {literal(self.channel)} IO_THREAD"
        return f"STOP {self._noun} IO_THREAD{self._for_channel}"

    def stop(self) -> str:
        return f"STOP {self._replica}{self._for_channel}"

    def reset(self) -> str:
        return f"RESET {self._replica} ALL{self._for_channel}"

    @property
    def _noun(self) -> str:
        return "REPLICA" if self._new else "SLAVE"

    @property
    def _replica(self) -> str:
        return f"SLAVE {literal(self.channel)}" if self._mariadb else self._noun

    @property
    def _for_channel(self) -> str:
        return "" if self._mariadb or not self.channel else f" FOR CHANNEL {literal(self.channel)}"


def status_of(record: Record) -> ReplicaStatus:
    """A row of SHOW REPLICA STATUS, whatever words the server has."""
    row: dict[str, str] = {}
    for name, value in record.items():
        row[name.replace("source", "master").replace("replica_", "slave_")] = value or ""
    return ReplicaStatus(
        channel=row.get("channel_name", row.get("connection_name", "")),
        host=row.get("master_host", ""),
        user=row.get("master_user", ""),
        receiving=row.get("slave_io_running", ""),
        applying=row.get("slave_sql_running", ""),
        file=row.get("relay_master_log_file", ""),
        position=int(row.get("exec_master_log_pos") or 0),
        relay_bytes=int(row.get("relay_log_space") or 0),
        idle="read all relay log" in row.get("slave_sql_running_state", ""),
        receive_error=_error(row, "last_io"),
        apply_error=_error(row, "last_sql"),
        filters=tuple(f"{name} = {row[name]}" for name in _FILTERS if row.get(name)),
    )


def _error(row: t.Mapping[str, str], prefix: str) -> str:
    number = row.get(f"{prefix}_errno", "0")
    return "" if number in ("", "0") else f"{row.get(f'{prefix}_error', '')} (error {number})"
