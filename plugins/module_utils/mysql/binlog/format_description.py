# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The format description: the first event of every binlog, which says how the others are to be read."""

from __future__ import annotations

import re
import typing as t

from ...lazy_dataclass import dataclass

_VERSION_FIELD = 50
#: Format version, server version, creation time, length of the common header.
_FIXED = 2 + _VERSION_FIELD + 4 + 1
_COMMON_HEADER = 19
#: From these on the event ends with the algorithm of the checksums and room for one.
_FIRST_WITH_CHECKSUMS = {"mysql": (5, 6, 1), "mariadb": (5, 3, 0)}


@dataclass(frozen=True)
class FormatDescription:
    """How the events of a file are laid out.

    :param server_version: as the server gives it, for example ``10.11.18-MariaDB-log``.
    :param created: seconds since 1970 where the server was started with this file, else 0.
    :param post_headers: the length of each event type's fixed part, from type 1 on.
    :param checksums: every event ends with a CRC-32.
    :param names_checksums: the event itself has the fields about checksums.
    """

    server_version: str
    created: int
    post_headers: bytes
    checksums: bool
    names_checksums: bool

    @property
    def is_mariadb(self) -> bool:
        return "mariadb" in self.server_version.lower()

    def post_header(self, event_type: int) -> int:
        """The length of the fixed part of a type, 0 for one that the server did not know."""
        return self.post_headers[event_type - 1] if 0 < event_type <= len(self.post_headers) else 0


def parse_format_description(body: bytes, damaged: t.Callable[[str], Exception]) -> FormatDescription:
    """Read the event's body, whose checksum fields are still there.

    :param damaged: makes the error to raise of a cause.
    """
    if len(body) < _FIXED:
        raise damaged("the format description is too short")
    version = int.from_bytes(body[:2], "little")
    if version != 4:
        raise damaged(f"the format is version {version}, not 4")
    if body[_FIXED - 1] != _COMMON_HEADER:
        raise damaged(f"headers of {body[_FIXED - 1]} bytes")
    server_version = body[2 : 2 + _VERSION_FIELD].split(b"\0", 1)[0].decode("ascii", "replace")
    names_checksums = _names_checksums(server_version)
    end, algorithm = len(body), 0
    if names_checksums:
        if len(body) < _FIXED + 5:
            raise damaged("the format description is too short")
        end -= 5
        algorithm = body[end]
        if algorithm > 1:
            raise damaged(f"the unknown checksum algorithm {algorithm}")
    return FormatDescription(
        server_version=server_version,
        created=int.from_bytes(body[2 + _VERSION_FIELD : 6 + _VERSION_FIELD], "little"),
        post_headers=body[_FIXED:end],
        checksums=algorithm == 1,
        names_checksums=names_checksums,
    )


def _names_checksums(server_version: str) -> bool:
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", server_version)
    if found is None:
        return False
    family = "mariadb" if "mariadb" in server_version.lower() else "mysql"
    return tuple(map(int, found.groups())) >= _FIRST_WITH_CHECKSUMS[family]
