# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What tells a server to recover from WAL, and how far: ``recovery.conf`` to 11, a signal file and settings from 12."""

from __future__ import annotations

import datetime
import re

from ...errors import UsageError
from ...lazy_dataclass import dataclass

IMMEDIATE, LATEST = "immediate", "latest"
PAUSE, PROMOTE, SHUTDOWN = "pause", "promote", "shutdown"
ACTIONS = (PAUSE, PROMOTE, SHUTDOWN)
RECOVERY_CONF, RECOVERY_SIGNAL = "recovery.conf", "recovery.signal"
#: Fails, which tells the server that nothing is archived: all that it needs lies in pg_wal.
NO_COMMAND = "false"

_FIRST_WITH_SIGNAL = 12
# What an earlier recovery, or a standby, has left behind.
_RECOVERY_SETTINGS = re.compile(
    rb"\s*(?:recovery_target\w*|restore_command|recovery_end_command|archive_cleanup_command|recovery_min_apply_delay"
    rb"|trigger_file|promote_trigger_file)\b",
    re.IGNORECASE,
)
_ARCHIVE_MODE = re.compile(rb"\s*archive_mode\b", re.IGNORECASE)


@dataclass(frozen=True)
class RecoveryTarget:
    """Where recovery ends. Of the first five, at most one is given; with none, at the end of the WAL.

    :param time: an aware time.
    :param immediate: as soon as the backup is consistent.
    :param exclusive: just before the target instead of just after it; means something to time, lsn and xid.
    :param timeline: a number, ``latest`` or ``current``.
    :param action: one of :data:`ACTIONS`.
    """

    time: datetime.datetime | None = None
    lsn: int | None = None
    xid: int | None = None
    name: str = ""
    immediate: bool = False
    exclusive: bool = False
    timeline: str = LATEST
    action: str = PROMOTE

    @property
    def is_latest(self) -> bool:
        return self.setting is None

    @property
    def setting(self) -> tuple[str, str] | None:
        """The server's setting for it, ``None`` for the end of the WAL."""
        if self.time is not None:
            utc = self.time.astimezone(datetime.timezone.utc)
            return "recovery_target_time", f"{utc:%Y-%m-%d %H:%M:%S.%f}+00"
        if self.lsn is not None:
            return "recovery_target_lsn", f"{self.lsn >> 32:X}/{self.lsn & 0xFFFFFFFF:X}"
        if self.xid is not None:
            return "recovery_target_xid", str(self.xid)
        if self.name:
            return "recovery_target_name", self.name
        return ("recovery_target", IMMEDIATE) if self.immediate else None

    @property
    def text(self) -> str:
        """For messages."""
        setting = self.setting
        if setting is None:
            return "the end of the WAL"
        if self.immediate:
            return "the moment at which the backup is consistent"
        kind = setting[0].rpartition("_")[2]
        return f"{'just before ' if self.exclusive else ''}{kind} {setting[1]}"


def recovery_settings(target: RecoveryTarget, restore_command: str, version: int) -> dict[str, str]:
    """The settings of a recovery.

    :param version: the server's major version.
    """
    settings = {"restore_command": restore_command, "recovery_target_timeline": target.timeline}
    if target.timeline == "current" and version < _FIRST_WITH_SIGNAL:
        # There it is what happens without the setting, and has no name.
        del settings["recovery_target_timeline"]
    if target.setting is not None:
        name, value = target.setting
        settings[name] = value
        if name in ("recovery_target_time", "recovery_target_lsn", "recovery_target_xid"):
            settings["recovery_target_inclusive"] = "off" if target.exclusive else "on"
        settings["recovery_target_action"] = target.action
    return settings


def recovery_files(
    settings: dict[str, str], auto_conf: bytes, version: int, *, archive_off: bool
) -> tuple[tuple[str, bytes], ...]:
    """The files that have a server recover.

    :param settings: of :func:`recovery_settings`.
    :param auto_conf: the backup's postgresql.auto.conf; what it says of recoveries is left out.
    :param archive_off: the restored server shall not archive its WAL.
    :returns: each with its content.
    """
    kept = [line for line in auto_conf.splitlines(keepends=True) if not _RECOVERY_SETTINGS.match(line)]
    if archive_off:
        kept = [line for line in kept if not _ARCHIVE_MODE.match(line)]
    if kept and not kept[-1].endswith(b"\n"):
        kept.append(b"\n")
    lines = _lines(settings)
    own = b"archive_mode = 'off'\n" if archive_off else b""
    if version < _FIRST_WITH_SIGNAL:
        return ("postgresql.auto.conf", b"".join((*kept, own))), (RECOVERY_CONF, lines)
    return ("postgresql.auto.conf", b"".join((*kept, own, lines))), (RECOVERY_SIGNAL, b"")


def _lines(settings: dict[str, str]) -> bytes:
    return b"".join(
        f"{name} = {_quoted(value)}\n".encode("utf-8", "surrogateescape") for name, value in settings.items()
    )


def _quoted(value: str) -> str:
    """A value as the server's files of settings have it.

    :raises UsageError: it cannot be written there.
    """
    if "\n" in value or "\r" in value or "\0" in value:
        raise UsageError("a setting of the recovery holds a line break", hint="leave it out")
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
