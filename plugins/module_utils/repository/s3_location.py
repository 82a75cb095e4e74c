# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Where a repository in object storage is: ``s3://bucket/prefix?endpoint=…&region=…``."""

from __future__ import annotations

import re
import urllib.parse

from ..errors import UsageError
from ..lazy_dataclass import dataclass
from .layout import is_safe_path

SCHEME = "s3"
_PARAMETERS = ("endpoint", "region", "profile", "part_size", "addressing", "ca_cert")
_ADDRESSING = ("auto", "path", "virtual")
_BUCKET = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,254}\Z")
_SIZE = re.compile(r"([0-9]{1,6})(MiB|MB|M)?\Z")
#: No part but the last may be smaller, nor any be larger.
LEAST_PART = 5 << 20
LARGEST_PART = 5 << 30
_EXAMPLE = "write s3://bucket/prefix, and where it is not Amazon's, ?endpoint=https://storage.example.com"


@dataclass(frozen=True)
class S3Location:
    """A place in object storage. Nothing of it is secret.

    :param url: as the user wrote it.
    :param prefix: of all keys, without a slash at its end; may be empty.
    :param endpoint: the server's address; empty for Amazon's, or what the environment says.
    :param profile: a section of the files in ``~/.aws``; empty for the usual one.
    :param part_size: bytes of a part of an upload, or 0 to let them grow with the upload.
    :param addressing: whether the bucket is part of the host's name.
    :param ca_cert: a file of authorities to trust; empty for the usual ones.
    """

    url: str
    bucket: str
    prefix: str
    endpoint: str = ""
    region: str = ""
    profile: str = ""
    part_size: int = 0
    addressing: str = "auto"
    ca_cert: str = ""

    @classmethod
    def parse(cls, url: str) -> S3Location:
        """Read a URL.

        :raises UsageError: it is not one, or has a part that means nothing.
        """
        parts = urllib.parse.urlsplit(url)
        prefix = parts.path.strip("/")
        if "@" in parts.netloc or parts.fragment:
            raise UsageError(
                "the URL of a repository holds a user, a password or a fragment",
                hint="give credentials by s3_access_key and s3_secret_key, the environment or ~/.aws",
            )
        if not _BUCKET.match(parts.netloc) or (prefix and not is_safe_path(prefix)):
            raise UsageError(
                f"{parts.scheme}://{parts.netloc}{parts.path} is no place in object storage", hint=_EXAMPLE
            )
        try:
            given = urllib.parse.parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError:
            raise UsageError(
                f"the parameters of {SCHEME}://{parts.netloc}/{prefix} are malformed", hint=_EXAMPLE
            ) from None
        for name, values in given.items():
            if name not in _PARAMETERS or len(values) > 1 or not values[0]:
                raise UsageError(
                    f"{name!r} is not a parameter of an {SCHEME} URL, or has no value or several",
                    hint=f"those are {', '.join(_PARAMETERS)}",
                )
        value = {name: values[0] for name, values in given.items()}
        return cls(
            url=url,
            bucket=parts.netloc,
            prefix=prefix,
            endpoint=_endpoint(value.get("endpoint", "")),
            region=value.get("region", ""),
            profile=value.get("profile", ""),
            part_size=_part_size(value.get("part_size", "")),
            addressing=_addressing(value.get("addressing", "auto")),
            ca_cert=value.get("ca_cert", ""),
        )

    @property
    def root(self) -> str:
        """The place without its parameters."""
        return f"{SCHEME}://{self.bucket}/{self.prefix}".rstrip("/")

    def key(self, path: str) -> str:
        """The key of a path below the prefix."""
        return f"{self.prefix}/{path}".strip("/") if path else self.prefix


def _endpoint(text: str) -> str:
    if text:
        parts = urllib.parse.urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
            raise UsageError("the endpoint of the repository is not an http or https URL", hint=_EXAMPLE)
    return text


def _part_size(text: str) -> int:
    if not text:
        return 0
    match = _SIZE.match(text)
    size = int(match.group(1)) << 20 if match else 0
    if not LEAST_PART <= size <= LARGEST_PART:
        raise UsageError(f"part_size {text!r} is not a size in MiB from 5 to 5120", hint="write part_size=64MiB")
    return size


def _addressing(text: str) -> str:
    if text not in _ADDRESSING:
        raise UsageError(f"addressing {text!r} is not known", hint=f"use one of {', '.join(_ADDRESSING)}")
    return text
