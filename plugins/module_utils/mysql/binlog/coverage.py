# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What is archived of a cluster: the logs of its servers, file by file."""

from __future__ import annotations

import json
import os
import typing as t

from ...errors import ConsistencyError, CorruptArtifactError
from ...lazy_dataclass import dataclass
from ...repository.access import NO_ACCESS, Access
from ...repository.local import LocalStorage
from ...repository.storage import Storage
from .archive_record import Sealed, TailRecord
from .archive_repository import (
    BINLOGS_FOLDER,
    STATUS_NAME,
    binlogs_folder,
    log_names,
    read_log,
    read_tail,
    stored_binlog,
    stored_tail,
)
from .binlog_file import StoredBinlog

_LARGEST_STATUS = 1 << 16


@dataclass(frozen=True)
class ArchivedLog:
    """The archived log of one server.

    :param folder: in the storage.
    :param tail: the file that is not complete.
    :param seen: seconds since 1970 up to which the archiver knows that it has everything; 0 for unknown.
    """

    folder: str
    sealed: tuple[Sealed, ...]
    tail: TailRecord | None
    seen: int

    @property
    def server(self) -> t.Mapping[str, str]:
        """Which server it is of."""
        if self.tail is not None:
            return self.tail.server
        return self.sealed[-1].server if self.sealed else {}

    @property
    def files(self) -> list[ArchivedFile]:
        """All of its files that can be read, in their order."""
        found = [ArchivedFile.of(record) for record in self.sealed]
        if self.tail is not None and self.tail.facts.knows_before:
            found.append(ArchivedFile.of_tail(self.tail))
        return found


@dataclass(frozen=True)
class ArchivedFile:
    """What matters of a binlog, complete or not.

    :param record: where the rest is.
    """

    record: Sealed | TailRecord
    name: str
    size: int
    made: int
    last_time: int
    gtids_before: str
    gtids_after: str
    next_file: str

    @classmethod
    def of(cls, record: Sealed) -> ArchivedFile:
        return cls(
            record,
            record.file,
            record.size,
            record.made,
            record.last_time,
            record.gtids_before,
            record.gtids_after,
            record.next_file,
        )

    @classmethod
    def of_tail(cls, record: TailRecord) -> ArchivedFile:
        facts = record.facts
        return cls(
            record, facts.name, record.size, facts.made, facts.last_time, facts.gtids_before, facts.gtids_after, ""
        )

    def stored(self, storage: Storage, log: str, access: Access) -> StoredBinlog:
        """The binlog, to be read.

        :param log: the folder of its log.
        """
        if isinstance(self.record, Sealed):
            return stored_binlog(storage, log, self.record, access)
        return stored_tail(storage, log, self.record, access)


def archived_logs(storage: Storage, cluster: str) -> list[ArchivedLog]:
    """The logs of all servers of a cluster.

    :raises CorruptArtifactError: a record is damaged.
    """
    return _logs_in(storage, binlogs_folder(cluster))


def _logs_in(storage: Storage, folder: str) -> list[ArchivedLog]:
    found = []
    for name in log_names(storage, folder):
        log = f"{folder}/{name}"
        found.append(ArchivedLog(log, tuple(read_log(storage, log)), read_tail(storage, log), _seen(storage, log)))
    return found


def _seen(storage: Storage, log: str) -> int:
    """Up to when the archiver knows that it has everything."""
    path = f"{log}/{STATUS_NAME}"
    data = storage.read_small(path, _LARGEST_STATUS)
    if data is None:
        return 0
    try:
        status = json.loads(data)
        return int(status["updated"]) if status["caught_up"] else int(status["last_time"])
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptArtifactError(
            f"{storage.url(path)} is damaged", hint="remove it; the archiver writes it again"
        ) from error


def newest_binlogs(storage: Storage, cluster: str, access: Access, *, since: int | None) -> list[StoredBinlog]:
    """The archived binlogs of the server that was archived last, up to the present.

    :param since: microseconds since 1970: from the file on that was written to then; ``None`` for all.
    :raises ConsistencyError: one of them is missing.
    """
    return _newest(storage, archived_logs(storage, cluster), access, since=since)


def log_in_repository(path: str, access: Access = NO_ACCESS) -> list[StoredBinlog] | None:
    """The binlogs in a folder of a local repository: of one server's log, or of a cluster the one archived last.

    ``None`` for a folder that is neither.

    :raises CorruptArtifactError: a record is damaged.
    :raises ConsistencyError: a file is missing.
    """
    folder, wanted = os.path.realpath(path), ""
    if os.path.basename(folder) != BINLOGS_FOLDER:
        folder, wanted = os.path.split(folder)
    if os.path.basename(folder) != BINLOGS_FOLDER:
        return None
    storage = LocalStorage(os.path.dirname(folder))
    logs = [log for log in _logs_in(storage, BINLOGS_FOLDER) if log.folder.endswith(f"/{wanted}") or not wanted]
    return _newest(storage, logs, access, since=None)


def _newest(
    storage: Storage, logs: t.Iterable[ArchivedLog], access: Access, *, since: int | None
) -> list[StoredBinlog]:
    logs = [log for log in logs if log.files]
    if not logs:
        return []
    log = max(logs, key=lambda one: (one.files[-1].last_time, one.seen))
    files = [file for file in log.files if since is None or file.last_time >= since // 1_000_000]
    for before, after in zip(files, files[1:]):
        if before.next_file != after.name:
            raise ConsistencyError(
                f"there is a gap: {before.next_file} is missing behind {before.name}", hint="name later moments"
            )
    return [file.stored(storage, log.folder, access) for file in files]
