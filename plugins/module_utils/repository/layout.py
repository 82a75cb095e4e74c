# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Names inside a repository: ``<cluster>/<database>/<UTC time>-<kind>/`` and what lies beside and inside.

Names of clusters and databases can hold anything; as folder names every byte outside ``A-Z a-z 0-9 _ . -`` is written
as ``%XX``, and so is a leading dot, so that no name can leave its folder or collide with the repository's own files.
"""

from __future__ import annotations

import datetime
import re
import urllib.parse

from ..errors import UsageError

MANIFEST_NAME = "manifest.json"
MARKER_NAME = "dbfleet-repository.json"
LOCK_NAME = ".lock"
PARTIAL_PREFIX = ".partial-"
LOGICAL = "logical"

_ID = re.compile(r"(\d{8}T\d{6}Z)-([a-z]+)\Z")
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+\Z")
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"
_LONGEST_NAME = 200


def escape_name(name: str) -> str:
    """``name`` as one path component.

    :raises UsageError: it is empty, or too long for a file name.
    """
    escaped = urllib.parse.quote(name, safe="", errors="surrogateescape").replace("~", "%7E")
    if escaped.startswith("."):
        escaped = "%2E" + escaped[1:]
    if not escaped or len(escaped) > _LONGEST_NAME:
        raise UsageError(f"the name {name!r} cannot be used as a folder name", hint="name it explicitly and shorter")
    return escaped


def unescape_name(component: str) -> str:
    """What :func:`escape_name` made ``component`` from."""
    return urllib.parse.unquote(component, errors="surrogateescape")


def is_component(text: str) -> bool:
    """Whether ``text`` can be a path component written by :func:`escape_name`."""
    return bool(_PLAIN.match(text.replace("%", "_"))) and not text.startswith(".")


def backup_id(kind: str, started: datetime.datetime) -> str:
    """The id of a backup of ``kind`` that began at ``started`` (an aware time)."""
    return f"{started.astimezone(datetime.timezone.utc).strftime(_TIME_FORMAT)}-{kind}"


def is_backup_id(text: str) -> bool:
    return bool(_ID.match(text))


def database_folder(cluster: str, database: str) -> str:
    """The folder of one database's backups, relative to the repository."""
    return f"{escape_name(cluster)}/{escape_name(database)}"
