# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The few requests to object storage that are needed, with retries, and with errors that name the object.

What can be retried is, with growing pauses: no connection, torn ones, silence, 5xx, throttling. Each request may be
silent for a minute; none has a limit in all.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import os
import random
import time
import typing as t

from .. import drivers
from ..errors import DbfleetError, NotFoundError, StorageError, UsageError
from ..lazy_dataclass import dataclass
from .access import Access
from .s3_location import S3Location

CONNECT_SECONDS = 10
SILENT_SECONDS = 60
ATTEMPTS = 8
_CONNECTIONS = 16
_MISSING = ("404", "NoSuchKey", "NotFound")
_DENIED = ("403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken")
#: What servers answer that do not know a request.
UNKNOWN_REQUEST = ("501", "NotImplemented", "405", "MethodNotAllowed", "InvalidRequest", "InvalidArgument", "400")
_LONGEST_PAUSE = 20.0


@dataclass(frozen=True)
class ObjectFacts:
    """What is known of an object.

    :param modified: in seconds of the storage's clock.
    """

    size: int
    etag: str
    modified: float


class RequestFailed(DbfleetError):
    """The storage answered a request with an error; callers that cannot go on raise :attr:`cause` instead.

    :param code: the storage's own.
    """

    def __init__(self, code: str, cause: StorageError) -> None:
        super().__init__(cause.message, hint=cause.hint, **cause.context)
        self.code = code
        self.cause = cause


class S3Client:
    """One bucket. It can be pickled, and used after a fork: connections are made when they are first needed."""

    def __init__(self, location: S3Location, access: Access) -> None:
        self.location = location
        self._access = access
        # Now rather than in the middle of a job.
        drivers.botocore()

    def url(self, key: str) -> str:
        return f"s3://{self.location.bucket}/{key}"

    def facts(self, key: str) -> ObjectFacts | None:
        """What is known of an object, ``None`` where there is none."""
        try:
            found = self.call("head_object", key)
        except RequestFailed as error:
            if error.code in _MISSING:
                return None
            raise error.cause from None
        return ObjectFacts(int(found["ContentLength"]), _etag(found), _seconds(found.get("LastModified")))

    def put(self, key: str, data: bytes, *, absent: bool = False) -> None:
        """Store a small object.

        :param absent: not instead of one that is there, as far as the storage can tell.
        :raises StorageError: it is not stored, or there is one.
        """
        md5 = _md5(data)
        arguments: dict[str, t.Any] = {"Body": data, "ContentMD5": base64.b64encode(md5).decode()}
        if absent:
            try:
                stored = self.call("put_object", key, IfNoneMatch="*", **arguments)
            except RequestFailed as error:
                if error.code in ("412", "PreconditionFailed", "409", "ConditionalRequestConflict"):
                    raise StorageError(f"{self.url(key)} is there already", path=self.url(key)) from None
                if error.code not in (*UNKNOWN_REQUEST, "ParamValidation"):
                    raise error.cause from None
                stored = self._done("put_object", key, **arguments)
        else:
            stored = self._done("put_object", key, **arguments)
        self.compare_etag(key, stored, md5.hex())

    def get(self, key: str, start: int, size: int, *, etag: str = "") -> bytes:
        """Exactly ``size`` bytes of an object from ``start``.

        :param etag: of the object that is meant.
        :raises NotFoundError: there is none.
        :raises StorageError: it cannot be read, is another one, or ends before.
        """
        package = drivers.botocore()
        arguments = {"Range": f"bytes={start}-{start + size - 1}", **({"IfMatch": etag} if etag else {})}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._done("get_object", key, **arguments)
                with contextlib.closing(answer["Body"]) as body:
                    data = t.cast(bytes, body.read())
                if len(data) == size:
                    return data
                cause = f"{len(data)} bytes came instead of {size}"
            except package.exceptions.BotoCoreError as error:
                # The library retries what fails before the first byte; a connection can be torn later as well.
                cause = _cause_of(error)
            if attempt < ATTEMPTS:
                time.sleep(_pause(attempt))
        raise StorageError(f"cannot read {self.url(key)}: {cause}", path=self.url(key))

    def names(self, prefix: str, *, deep: bool = False) -> t.Iterator[tuple[str, ObjectFacts | None]]:
        """What is below ``prefix``, which ends with a slash or is the beginning of names.

        :param deep: with everything in the folders; else these are one name each, without facts.
        :returns: whole keys; folders end with a slash.
        """
        arguments: dict[str, t.Any] = {"Prefix": prefix, **({} if deep else {"Delimiter": "/"})}
        while True:
            page = self._done("list_objects_v2", None, **arguments)
            for one in page.get("CommonPrefixes") or ():
                yield one["Prefix"], None
            for one in page.get("Contents") or ():
                yield one["Key"], ObjectFacts(int(one["Size"]), _etag(one), _seconds(one.get("LastModified")))
            token = page.get("NextContinuationToken")
            if not page.get("IsTruncated") or not token:
                return
            arguments["ContinuationToken"] = token

    def delete(self, keys: t.Iterable[str]) -> None:
        """Remove objects; those that are not there are no error."""
        for key in keys:
            try:
                self.call("delete_object", key)
            except RequestFailed as error:
                if error.code not in _MISSING:
                    raise error.cause from None

    def uploads(self, prefix: str) -> list[tuple[str, str]]:
        """The key and the id of every upload in parts that was begun below ``prefix`` and not finished."""
        found: list[tuple[str, str]] = []
        arguments: dict[str, t.Any] = {"Prefix": prefix}
        while True:
            try:
                page = self.call("list_multipart_uploads", None, **arguments)
            except RequestFailed as error:
                if error.code in (*UNKNOWN_REQUEST, *_MISSING, "NoSuchUpload"):
                    return found
                raise error.cause from None
            listed = page.get("Uploads") or ()
            found += [(one["Key"], one["UploadId"]) for one in listed if one["Key"].startswith(prefix)]
            if not page.get("IsTruncated") or not listed:
                return found
            arguments.update(KeyMarker=page["NextKeyMarker"], UploadIdMarker=page["NextUploadIdMarker"])

    def abort_upload(self, key: str, upload: str) -> None:
        """End an upload in parts; one that is not there is no error."""
        try:
            self.call("abort_multipart_upload", key, UploadId=upload)
        except RequestFailed as error:
            if error.code not in (*_MISSING, "NoSuchUpload"):
                raise error.cause from None

    def compare_etag(self, key: str, answer: t.Mapping[str, t.Any], expected: str) -> None:
        """Compare the storage's own digest with ours, where it has one that can be compared.

        :raises StorageError: they differ.
        """
        found = _etag(answer).strip('"')
        other_digest = (
            str(answer.get("ServerSideEncryption", "")).startswith("aws:kms") or "SSECustomerAlgorithm" in answer
        )
        if len(found) == len(expected) and not other_digest and found.lower() != expected:
            raise StorageError(
                f"{self.url(key)} was stored with other content than was sent: {found} instead of {expected}",
                hint="look for a fault between this host and the storage, and run the job again",
                path=self.url(key),
            )

    def call(self, operation: str, key: str | None, **arguments: t.Any) -> t.Mapping[str, t.Any]:
        """One request.

        :raises RequestFailed: the storage refused it.
        :raises StorageError: it was not answered.
        """
        package = drivers.botocore()
        if key is not None:
            arguments["Key"] = key
        name = self.url(key if key is not None else str(arguments.get("Prefix", "")))
        try:
            made = getattr(_connection(os.getpid(), self.location, self._access), operation)(
                Bucket=self.location.bucket, **arguments
            )
            return t.cast("t.Mapping[str, t.Any]", made)
        except package.exceptions.ClientError as error:
            raise self._refused(operation, name, error) from None
        except package.exceptions.ParamValidationError:
            raise RequestFailed(
                "ParamValidation",
                StorageError(f"the package botocore is too old for the request {operation} of {name}"),
            ) from None
        except package.exceptions.BotoCoreError as error:
            if operation == "get_object" and not isinstance(error, _never_answered(package)):
                raise
            raise StorageError(
                f"cannot reach {name}: {_cause_of(error)}", hint=_hint_of(package, error), path=name
            ) from None

    def _done(self, operation: str, key: str | None, **arguments: t.Any) -> t.Mapping[str, t.Any]:
        try:
            return self.call(operation, key, **arguments)
        except RequestFailed as error:
            raise error.cause from None

    def _refused(self, operation: str, name: str, error: t.Any) -> RequestFailed:
        answer = error.response.get("Error", {})
        code = str(answer.get("Code", ""))
        action = operation.replace("_", " ").removesuffix(" v2")
        if code in _MISSING and operation in ("get_object", "head_object"):
            return RequestFailed(code, NotFoundInStorage(f"there is no object {name}", path=name))
        hint = ""
        if code in _DENIED:
            hint = "check the credentials (s3_access_key, the environment, ~/.aws) and what they allow"
        elif code == "NoSuchBucket":
            hint = f"make the bucket {self.location.bucket}, or correct its name or the endpoint"
        said = str(answer.get("Message", "")).rstrip(".")
        cause = StorageError(f"the storage refused to {action} {name}: {code} {said}".rstrip(), hint=hint, path=name)
        return RequestFailed(code, cause)


@functools.lru_cache(maxsize=4)
def _connection(_process: int, location: S3Location, access: Access) -> t.Any:
    """The library's client; making one takes long, and connections cannot be shared with a parent."""
    package = drivers.botocore()
    try:
        session = package.session.Session(profile=location.profile or None)
        if access.s3_access_key:
            session.set_credentials(access.s3_access_key, access.s3_secret_key, access.s3_session_token or None)
        return session.create_client(
            "s3",
            region_name=location.region or session.get_config_variable("region") or "us-east-1",
            endpoint_url=location.endpoint or None,
            verify=location.ca_cert or None,
            config=_config(package, location),
        )
    except package.exceptions.BotoCoreError as error:
        raise UsageError(f"cannot use {location.root}: {_cause_of(error)}") from None


class NotFoundInStorage(StorageError, NotFoundError):
    """There is no such object."""

    kind = "not_found"


def _config(package: t.Any, location: S3Location) -> t.Any:
    style = location.addressing
    if style == "auto" and location.endpoint:
        # Servers of one's own rarely have a name for every bucket.
        style = "path"
    settings: dict[str, t.Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": SILENT_SECONDS,
        "retries": {"mode": "standard", "total_max_attempts": ATTEMPTS},
        "max_pool_connections": _CONNECTIONS,
        "s3": {"addressing_style": style},
    }
    try:
        # Checksums are sent and compared here; the library's own make many servers refuse a request.
        return package.config.Config(
            **settings, request_checksum_calculation="when_required", response_checksum_validation="when_required"
        )
    except TypeError:
        return package.config.Config(**settings)


def _never_answered(package: t.Any) -> tuple[t.Any, ...]:
    found = package.exceptions
    return (found.EndpointConnectionError, found.ConnectTimeoutError, found.NoCredentialsError, found.SSLError)


def _hint_of(package: t.Any, error: Exception) -> str:
    if isinstance(error, (package.exceptions.NoCredentialsError, package.exceptions.PartialCredentialsError)):
        return "give s3_access_key and s3_secret_key, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write ~/.aws"
    return "check the endpoint, the network and whether the storage is up"


def _cause_of(error: Exception) -> str:
    return str(error).rstrip(".")


def _pause(attempt: int) -> float:
    return random.uniform(0.5, 1.0) * min(_LONGEST_PAUSE, 0.25 * (1 << attempt))


def _etag(answer: t.Mapping[str, t.Any]) -> str:
    return str(answer.get("ETag", ""))


def _seconds(when: t.Any) -> float:
    return 0.0 if when is None else float(when.timestamp())


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()
