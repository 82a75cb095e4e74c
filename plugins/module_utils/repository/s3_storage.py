# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Object storage as storage: nothing can be renamed there, so a folder counts once its manifest is there.

A folder that is being written has a marker, stored before anything else and removed after the manifest was stored.
Whoever takes over from a job that seems dead removes the marker first; a job that was only asleep finds it missing
and publishes nothing.
"""

from __future__ import annotations

import contextlib
import typing as t

from ..errors import NotFoundError, StorageError
from ..streams.base import Buffer
from .access import Access
from .layout import MANIFEST_NAME, is_safe_path
from .s3_client import UNKNOWN_REQUEST, RequestFailed, S3Client
from .s3_location import S3Location
from .s3_reader import S3Source
from .s3_upload import S3Upload
from .storage import NewFile

_MARKER_NAME = ".unfinished"
_MARKER = b"a backup that is being written, or what a dead job left of one\n"


class S3Storage:
    """Storage in a bucket.

    :raises UsageError: the URL is none.
    :raises DriverMissingError: the package for it is missing.
    """

    def __init__(self, url: str, access: Access) -> None:
        self._place = S3Location.parse(url)
        self._client = S3Client(self._place, access)

    @property
    def location(self) -> str:
        return self._place.url

    def url(self, path: str) -> str:
        return f"{self._place.root}/{path}" if path else self._place.root

    def begin(self, folder: str) -> S3StagedFolder:
        staged = S3StagedFolder(self, self._client, self._folder_key(folder), folder)
        staged.make()
        return staged

    def open(self, path: str) -> S3Source:
        return S3Source(self._client, self._key(path))

    def create(self, path: str) -> NewFile:
        return S3Upload(self._client, self._key(path))

    def read_small(self, path: str, limit: int) -> bytes | None:
        key = self._key(path)
        found = self._client.facts(key)
        if found is None:
            return None
        if found.size > limit:
            raise StorageError(f"{self.url(path)} is larger than the {limit} bytes that it may have")
        try:
            return self._client.get(key, 0, found.size, etag=found.etag) if found.size else b""
        except NotFoundError:
            return None

    def write_small(self, path: str, data: bytes) -> None:
        self._client.put(self._key(path), data)

    def touch(self, path: str) -> bool:
        key = self._key(path)
        try:
            # Copied onto itself, so that an object that is gone is not made again.
            self._client.call(
                "copy_object",
                key,
                CopySource={"Bucket": self._place.bucket, "Key": key},
                MetadataDirective="REPLACE",
            )
        except RequestFailed as error:
            if error.code in ("404", "NoSuchKey", "NotFound"):
                return False
            if error.code in UNKNOWN_REQUEST:
                return self._stored_again(path)
            raise error.cause from None
        return True

    def modified(self, path: str) -> float | None:
        found = self._client.facts(self._key(path))
        return None if found is None else found.modified

    def remove_small(self, path: str) -> None:
        self._client.delete([self._key(path)])

    def files(self, path: str, prefix: str) -> list[str]:
        folder = self._folder_key(path)
        names = (key[len(folder) :] for key, facts in self._client.names(folder + prefix) if facts is not None)
        return sorted(name for name in names if name)

    def folders(self, path: str) -> list[str]:
        folder = self._folder_key(path)
        return sorted(key[len(folder) : -1] for key, facts in self._client.names(folder) if facts is None)

    def stamps(self, path: str, names: t.Collection[str]) -> dict[str, dict[str, str]]:
        base = self._folder_key(path)
        found: dict[str, dict[str, str]] = {}
        for key, facts in self._client.names(base, deep=True):
            folder, slash, name = key[len(base) :].partition("/")
            if slash and name in names and facts is not None:
                found.setdefault(folder, {})[name] = f"{facts.size}-{facts.etag}-{facts.modified}"
        return found

    def size(self, path: str) -> int | None:
        found = self._client.facts(self._key(path))
        return None if found is None else found.size

    def sizes(self, folder: str) -> dict[str, int]:
        base = self._folder_key(folder)
        return {key[len(base) :]: facts.size for key, facts in self._client.names(base, deep=True) if facts is not None}

    def remove(self, folder: str) -> None:
        base = self._folder_key(folder)
        # First what makes others believe in it, and what its writer would go on with.
        self._client.delete([f"{base}{MANIFEST_NAME}", f"{base}{_MARKER_NAME}"])
        self.abandon_uploads(folder)
        self._client.delete([key for key, _facts in self._client.names(base, deep=True)])

    def abandon_uploads(self, folder: str, *, repeated: bool = False) -> None:
        for key, upload in self._client.uploads(self._folder_key(folder)):
            if not repeated or self._client.facts(key) is not None:
                self._client.abort_upload(key, upload)

    def free_bytes(self) -> int | None:
        return None

    def check_writable(self, folder: str) -> None:
        # Whether something could be stored is only known by doing so; whether the bucket answers is known now.
        next(self._client.names(self._folder_key(folder)), None)

    def _key(self, path: str) -> str:
        if not is_safe_path(path):
            raise StorageError(f"{path!r} is not a path inside {self._place.root}")
        return self._place.key(path)

    def _folder_key(self, path: str) -> str:
        """The beginning of the keys in a folder; it ends with a slash, unless it is that of everything."""
        key = self._key(path) if path else self._place.prefix
        return f"{key}/" if key else ""

    def _stored_again(self, path: str) -> bool:
        data = self.read_small(path, 1 << 20)
        if data is None:
            return False
        self.write_small(path, data)
        return True


class S3StagedFolder:
    """A folder being written, under its final name.

    :param base: what its keys begin with.
    """

    can_patch = False

    def __init__(self, storage: S3Storage, client: S3Client, base: str, folder: str) -> None:
        self._storage = storage
        self._client = client
        self._base = base
        self._folder = folder
        self._manifest: _HeldFile | None = None

    def make(self) -> None:
        """Begin.

        :raises StorageError: there is something already.
        """
        if next(self._client.names(self._base), None) is not None:
            raise StorageError(f"cannot write {self._storage.url(self._folder)}: it is there already")
        self._client.put(f"{self._base}{_MARKER_NAME}", _MARKER, absent=True)

    def create(self, path: str, *, large: bool = False) -> NewFile:
        if path == MANIFEST_NAME:
            # The folder counts from the moment that it is stored.
            self._manifest = _HeldFile()
            return self._manifest
        return S3Upload(self._client, self._key(path))

    def create_temporary(self, path: str) -> NewFile:
        return S3Upload(self._client, self._key(path))

    def open(self, path: str) -> S3Source:
        return S3Source(self._client, self._key(path))

    def remove(self, path: str) -> None:
        self._client.delete([self._key(path)])

    def publish(self) -> None:
        if self._manifest is None or not self._manifest.closed:
            raise StorageError(f"cannot publish {self._storage.url(self._folder)}: it has no {MANIFEST_NAME}")
        self._check_ours()
        self._client.put(f"{self._base}{MANIFEST_NAME}", bytes(self._manifest.data), absent=True)
        # Once more, for a job that slept in between.
        self._check_ours()
        # What stays of it does no harm.
        with contextlib.suppress(StorageError):
            self._client.delete([f"{self._base}{_MARKER_NAME}"])

    def abandon(self) -> None:
        self._storage.remove(self._folder)

    def _check_ours(self) -> None:
        if self._client.facts(f"{self._base}{_MARKER_NAME}") is None:
            raise StorageError(
                f"{self._storage.url(self._folder)} was swept away by another job while this one was running",
                hint="nothing was published; look for two schedules of the same backup",
            )

    def _key(self, path: str) -> str:
        if not is_safe_path(path):
            raise StorageError(f"{path!r} is not a path inside a backup")
        return self._base + path


class _HeldFile:
    """The manifest, kept until the folder is published."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.closed = False

    def write(self, data: Buffer) -> None:
        self.data += data

    def patch(self, offset: int, data: Buffer) -> None:
        raise StorageError("a manifest cannot be patched")

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.data.clear()
