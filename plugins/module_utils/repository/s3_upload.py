# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A file being stored in object storage: what is written is sent in parts while more is written.

What fits into one part is sent at once, in the end. Parts grow with the upload, since there can be 10,000 only; memory
is bounded by those that are on their way. Each part's digest is sent along and compared with the storage's.
"""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import hashlib
import threading
import typing as t

from ..errors import StorageError
from ..streams.base import Buffer
from .s3_client import RequestFailed, S3Client

FIRST_PART = 8 << 20
#: After so many parts, they are twice as large.
GROW_EVERY = 1000
MOST_PARTS = 10_000
#: Bytes that may be on their way, besides the part that is being filled; one part always may.
ON_THE_WAY = 24 << 20
_SENDERS = 4


class S3Upload:
    """One object being stored; there is nothing to be seen of it before it is closed."""

    def __init__(self, client: S3Client, key: str) -> None:
        self._client = client
        self._key = key
        self._pending = bytearray()
        self._upload = ""
        self._etags: list[tuple[int, str]] = []
        self._digests: dict[int, bytes] = {}
        self._number = 0
        self._size = 0
        self._ended = False
        self._error: BaseException | None = None
        self._senders: concurrent.futures.ThreadPoolExecutor | None = None
        self._sent: list[concurrent.futures.Future[None]] = []
        self._room = threading.Semaphore(0)
        self._guard = threading.Lock()

    def write(self, data: Buffer) -> None:
        if self._ended:
            raise StorageError(f"{self._client.url(self._key)} was closed or aborted before")
        self._raise_error()
        view = memoryview(data).cast("B")
        self._size += len(view)
        while view:
            taken = view[: self._part_size() - len(self._pending)]
            self._pending += taken
            view = view[len(taken) :]
            if len(self._pending) == self._part_size() and view:
                self._send()
        # A part that is full is sent when more comes, so that a file of one part needs one request.

    def patch(self, offset: int, data: Buffer) -> None:
        raise StorageError("what was sent to object storage cannot be patched")

    def close(self) -> None:
        if self._ended:
            return
        self._raise_error()
        if not self._upload:
            self._client.put(self._key, bytes(self._pending))
            self._finish()
            return
        if self._pending:
            self._send()
        for sent in self._sent:
            sent.result()
        self._complete()
        self._finish()

    def abort(self) -> None:
        """End it; never raises."""
        if self._ended:
            return
        self._error = self._error or StorageError("the upload was aborted")
        self._finish()
        if self._upload:
            # What stays behind is swept with the rest of a dead job.
            with contextlib.suppress(StorageError, RequestFailed):
                self._client.abort_upload(self._key, self._upload)

    def _part_size(self) -> int:
        fixed = self._client.location.part_size
        return fixed or FIRST_PART << self._number // GROW_EVERY

    def _send(self) -> None:
        """Hand a part to a sender; waits while too many bytes are on their way."""
        if self._number == MOST_PARTS:
            raise StorageError(
                f"{self._client.url(self._key)} has more than {MOST_PARTS} parts",
                hint="give a larger part_size in the URL of the repository, or leave it out",
            )
        if self._senders is None:
            begun = self._answer("create_multipart_upload")
            self._upload = str(begun["UploadId"])
            self._senders = concurrent.futures.ThreadPoolExecutor(_SENDERS, thread_name_prefix="dbfleet-upload")
            self._room = threading.Semaphore(max(1, min(_SENDERS, ON_THE_WAY // self._part_size())))
        self._room.acquire()
        self._raise_error()
        # Handed over as it is: a copy of every part would cost as much as its digest.
        data, self._pending = self._pending, bytearray()
        self._number += 1
        self._sent.append(self._senders.submit(self._send_part, self._number, data))

    def _send_part(self, number: int, data: bytearray) -> None:
        try:
            if self._error is not None:
                return
            md5 = hashlib.md5(data, usedforsecurity=False).digest()
            answer = self._answer(
                "upload_part",
                UploadId=self._upload,
                PartNumber=number,
                Body=data,
                ContentMD5=base64.b64encode(md5).decode(),
            )
            self._client.compare_etag(self._key, answer, md5.hex())
            with self._guard:
                self._etags.append((number, str(answer["ETag"])))
                self._digests[number] = md5
        except BaseException as error:  # noqa: BLE001 - kept and raised again on the caller's side
            self._error = self._error or error
        finally:
            self._room.release()

    def _complete(self) -> None:
        self._raise_error()
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in sorted(self._etags)]
        together = hashlib.md5(b"".join(md5 for _number, md5 in sorted(self._digests.items())), usedforsecurity=False)
        expected = f"{together.hexdigest()}-{len(parts)}"
        try:
            answer = self._client.call(
                "complete_multipart_upload", self._key, UploadId=self._upload, MultipartUpload={"Parts": parts}
            )
        except RequestFailed as error:
            # An answer that was lost: what was repeated is done already.
            found = self._client.facts(self._key) if error.code in ("404", "NoSuchUpload") else None
            if found is None or found.size != self._size or found.etag.strip('"') != expected:
                raise error.cause from None
            return
        self._client.compare_etag(self._key, answer, expected)
        found = self._client.facts(self._key)
        if found is None or found.size != self._size:
            size = "nothing" if found is None else f"{found.size} bytes"
            raise StorageError(f"{self._client.url(self._key)} has {size} where {self._size} bytes were sent")

    def _answer(self, operation: str, **arguments: t.Any) -> t.Mapping[str, t.Any]:
        try:
            return self._client.call(operation, self._key, **arguments)
        except RequestFailed as error:
            raise error.cause from None

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _finish(self) -> None:
        self._ended = True
        if self._senders is not None:
            self._senders.shutdown(wait=True)
        self._pending = bytearray()
