# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Archived binlogs in a repository: ``<cluster>/%binlogs/<server>-<UTC time>/<binlog>/``, a folder for each binlog.

A folder is published whole, with its record, ``manifest.json``, as the last of its files. The binlog that is being
written is ``<binlog>.part/``: pieces of it, each compressed by itself, and a record that says how much of them counts.
Only the storage's interface is used, which asks for no rename and no append.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import typing as t

from ...errors import CorruptArtifactError
from ...repository.access import NO_ACCESS, Access
from ...repository.cluster_name import default_cluster
from ...repository.layout import LOCK_NAME, MANIFEST_NAME, PARTIAL_PREFIX, escape_name
from ...repository.lock import RepositoryLock
from ...repository.repository import Repository
from ...repository.storage import Storage
from ...streams.compression import Compression
from ...streams.encryption import NOT_ENCRYPTED, Encryption
from ..server_identity import server_identity
from ..session import Session
from .archive_place import ServerLog, Tail
from .archive_record import LARGEST_RECORD, Sealed, StoredFile, TailRecord, parse_sealed, parse_tail, render
from .archive_tail import TAIL_NAME, StoredTail
from .binlog_file import PART_SUFFIX, StoredBinlog, StoredPart
from .binlog_name import is_binlog_name, number_of
from .file_facts import FileFacts

#: No database has this folder: its name would be written %25binlogs.
BINLOGS_FOLDER = "%binlogs"
STATUS_NAME = "status.json"
_DEFAULT_COMPRESSION = "gzip:6"
_BEGUN = re.compile(r"(.+)-([0-9]{8}T[0-9]{6}Z)\Z")
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"
_BLOCK = 1 << 20


class RepositoryArchive:
    """The place of one cluster's binlogs in a repository.

    :param new_chain: begin a new log for the first server that is asked for.
    """

    def __init__(
        self,
        repository: Repository,
        cluster: str,
        compression: Compression,
        encryption: Encryption = NOT_ENCRYPTED,
        *,
        new_chain: bool = False,
    ) -> None:
        compression.check_available()
        encryption.check_available()
        self._encryption = encryption
        self._repository = repository
        self._folder = binlogs_folder(cluster)
        self._compression = compression
        self._new_chain = new_chain

    @classmethod
    def of(
        cls,
        location: str,
        session: Session,
        *,
        cluster: str,
        compression: str,
        new_chain: bool,
        encryption: Encryption = NOT_ENCRYPTED,
        access: Access = NO_ACCESS,
    ) -> RepositoryArchive:
        """The place for a server.

        :param cluster: as backups have it where empty.
        :param compression: as ``--compress`` names it; the usual one where empty.
        :raises UsageError: the repository or the compression is of a kind that is not known.
        :raises DriverMissingError: the compression's package is not installed.
        """
        return cls(
            Repository(location, access),
            cluster or default_cluster(server_identity(session)),
            Compression.parse(compression or _DEFAULT_COMPRESSION),
            encryption,
            new_chain=new_chain,
        )

    @property
    def location(self) -> str:
        return self._repository.storage.url(self._folder)

    @contextlib.contextmanager
    def log_of(self, server: t.Mapping[str, str], *, check: bool) -> t.Iterator[ServerLog]:
        """The newest log of a server, or a new one.

        :raises LockedError: somebody else archives the server's binlogs.
        """
        storage = self._repository.storage
        new_chain, self._new_chain = self._new_chain, False
        identity = escape_name(server.get("uuid") or f"server-{server['server_id']}")
        names = log_names(storage, self._folder)
        own = [name for name in names if _identity_in(name) == identity]
        name = (
            own[-1]
            if own and not new_chain
            else f"{identity}-{datetime.datetime.now(datetime.timezone.utc):{_TIME_FORMAT}}"
        )
        held = None
        if name not in names and names and not new_chain:
            held = newest_gtids(storage, [f"{self._folder}/{other}" for other in names])
        log = RepositoryLog(storage, f"{self._folder}/{name}", server, self._compression, self._encryption, held=held)
        if check:
            yield log
            return
        self._repository.initialise()
        lock = RepositoryLock(
            storage, f"{self._folder}/{LOCK_NAME}-{identity}", purpose=f"archiving binlogs of {server['address']}"
        )
        with lock:
            log.sweep()
            yield log


class RepositoryLog:
    """One server's binlogs in a repository.

    :param folder: of the log, in the storage.
    :param held: see :class:`.archive_place.ServerLog`.
    """

    way_out = "begin a new chain (new_chain), and make a new full backup"

    def __init__(
        self,
        storage: Storage,
        folder: str,
        server: t.Mapping[str, str],
        compression: Compression,
        encryption: Encryption = NOT_ENCRYPTED,
        *,
        held: str | None = None,
    ) -> None:
        self._storage = storage
        self._folder = folder
        self._server = server
        self._compression = compression
        self._encryption = encryption
        self.held = held

    def sweep(self) -> None:
        """Remove what dead jobs left; the caller holds the lock."""
        self._storage.abandon_uploads(self._folder)
        names = self._storage.folders(self._folder)
        complete = set(sealed_names(self._storage, self._folder))
        for name in names:
            binlog = name[: -len(PART_SUFFIX)] if name.endswith(PART_SUFFIX) else name
            done = name != binlog and binlog in complete
            unfinished = name == binlog and is_binlog_name(name) and name not in complete
            if name.startswith(PARTIAL_PREFIX) or done or unfinished:
                self._storage.remove(f"{self._folder}/{name}")

    def last(self) -> Sealed | None:
        names = sealed_names(self._storage, self._folder)
        return _read_record(self._storage, self._folder, names[-1]) if names else None

    def mend(self, record: t.Callable[[FileFacts, int, str], Sealed]) -> list[Sealed]:
        """A file is published with its record, so there is nothing to mend."""
        return []

    def tail_position(self) -> tuple[str, int] | None:
        found = read_tail(self._storage, self._folder)
        return None if found is None else (found.facts.name, found.size)

    def resume(self) -> tuple[FileFacts, Tail] | None:
        found = read_tail(self._storage, self._folder)
        if found is None:
            return None
        name = found.facts.name
        if not found.stored:
            facts = FileFacts(name)
            return facts, self.begin(facts)
        tail = self._tail(name)
        tail.take_over(found, stored_tail(self._storage, self._folder, found))
        return FileFacts.of(found.facts), tail

    def begin(self, facts: FileFacts) -> Tail:
        folder = self._part_folder(facts.name)
        # One without a record, of a job that died before its first second was over.
        self._storage.remove(folder)
        tail = self._tail(facts.name)
        tail.begin()
        return tail

    def seal(self, tail: Tail, record: Sealed) -> None:
        """Publish the pieces as one file with its record."""
        if not isinstance(tail, StoredTail):
            raise TypeError(type(tail))
        folder = f"{self._folder}/{record.file}"
        staged = self._storage.begin(folder)
        try:
            stored = tail.join(staged, record.file + tail.suffix)
            file = staged.create(MANIFEST_NAME)
            file.write(render(_with_files(record, stored)))
            file.close()
            staged.publish()
        except BaseException:
            staged.abandon()
            raise
        tail.close()
        self._storage.remove(self._part_folder(record.file))

    def write_status(self, content: t.Mapping[str, t.Any]) -> None:
        data = json.dumps(content, indent=2).encode("ascii") + b"\n"
        self._storage.write_small(f"{self._folder}/{STATUS_NAME}", data)

    def _tail(self, name: str) -> StoredTail:
        return StoredTail(self._storage, self._part_folder(name), self._server, self._compression, self._encryption)

    def _part_folder(self, name: str) -> str:
        return f"{self._folder}/{name}{PART_SUFFIX}"


def binlogs_folder(cluster: str) -> str:
    """The folder of a cluster's binlogs, relative to the repository."""
    return f"{escape_name(cluster)}/{BINLOGS_FOLDER}"


def log_names(storage: Storage, folder: str) -> list[str]:
    """The names of the logs of all servers in a cluster's folder, those begun first before the others."""
    found = [name for name in storage.folders(folder) if _BEGUN.match(name)]
    return sorted(found, key=lambda name: (name[-len("20261122T031407Z") :], name))


def sealed_names(storage: Storage, log: str) -> list[str]:
    """The names of a log's complete binlogs, in the order of their numbers."""
    found = (path.split("/") for path in storage.sizes(log))
    return sorted(
        (parts[0] for parts in found if parts[1:] == [MANIFEST_NAME] and is_binlog_name(parts[0])), key=number_of
    )


def read_log(storage: Storage, log: str) -> list[Sealed]:
    """The records of a log's complete binlogs, in the order of their numbers.

    :raises CorruptArtifactError: one is damaged.
    """
    found = (_read_record(storage, log, name) for name in sealed_names(storage, log))
    # One may be pruned while the others are read.
    return [record for record in found if record is not None]


def read_tail(storage: Storage, log: str) -> TailRecord | None:
    """The record of the binlog of a log that is not complete.

    :raises CorruptArtifactError: it is damaged, or there are several.
    """
    complete = set(sealed_names(storage, log))
    names = [name[: -len(PART_SUFFIX)] for name in storage.folders(log) if name.endswith(PART_SUFFIX)]
    found = []
    for name in names:
        path = f"{log}/{name}{PART_SUFFIX}/{TAIL_NAME}"
        data = None if name in complete or not is_binlog_name(name) else storage.read_small(path, LARGEST_RECORD)
        if data is not None:
            found.append(parse_tail(data, storage.url(path)))
    if len(found) > 1:
        raise CorruptArtifactError(
            f"{storage.url(log)} holds several unfinished files: {', '.join(each.facts.name for each in found)}",
            hint="move all but the newest one away",
        )
    return found[0] if found else None


def stored_binlog(storage: Storage, log: str, record: Sealed, access: Access = NO_ACCESS) -> StoredBinlog:
    """A complete binlog, to be read."""
    return StoredBinlog(record.file, storage, _parts(f"{log}/{record.file}", record.stored), access=access)


def stored_tail(storage: Storage, log: str, record: TailRecord, access: Access = NO_ACCESS) -> StoredBinlog:
    """The unfinished binlog, to be read as far as its record goes."""
    name = record.facts.name
    return StoredBinlog(name, storage, _parts(f"{log}/{name}{PART_SUFFIX}", record.stored), access=access)


def newest_gtids(storage: Storage, logs: t.Iterable[str]) -> str:
    """The transactions that the log which was written to last holds or knows of."""
    newest, gtids = -1, ""
    for log in logs:
        tail = read_tail(storage, log)
        names = sealed_names(storage, log)
        last = _read_record(storage, log, names[-1]) if names else None
        if tail is not None and tail.facts.knows_before:
            moment, after = tail.facts.last_time, tail.facts.gtids_after
        elif last is not None:
            moment, after = last.last_time, last.gtids_after
        else:
            continue
        if moment >= newest:
            newest, gtids = moment, after
    return gtids


def _read_record(storage: Storage, log: str, name: str) -> Sealed | None:
    path = f"{log}/{name}/{MANIFEST_NAME}"
    data = storage.read_small(path, LARGEST_RECORD)
    if data is None:
        return None
    record = parse_sealed(data, storage.url(path))
    if record.file != name:
        raise CorruptArtifactError(f"{storage.url(path)} is of {record.file}", hint="folders must not be renamed")
    return record


def _parts(folder: str, stored: t.Iterable[StoredFile]) -> tuple[StoredPart, ...]:
    return tuple(
        StoredPart(f"{folder}/{each.name}", each.content_size, each.content_sha256, each.size, each.sha256)
        for each in stored
    )


def _with_files(record: Sealed, stored: tuple[StoredFile, ...]) -> Sealed:
    return Sealed(**{**vars(record), "stored": stored})


def _identity_in(name: str) -> str:
    found = _BEGUN.match(name)
    return found[1] if found else ""
