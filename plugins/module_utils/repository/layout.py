# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Names inside a repository: ``<cluster>/<database>/<UTC time>-<kind>/`` and what lies beside and inside.

Names of clusters and databases can hold anything; as folder names every byte outside ``A-Z a-z 0-9 _ . -`` is written
as ``%XX``, and so is a leading dot, so that no name can leave its folder or collide with the repository's own files.
A name that would be too long is cut and ends with ``~`` and a digest. Folder names are never decoded: a manifest says
which cluster and database it belongs to.
"""

from __future__ import annotations

import datetime
import hashlib
import re
import secrets
import urllib.parse

from ..errors import UsageError

MANIFEST_NAME = "manifest.json"
MARKER_NAME = "dbfleet-repository.json"
LOCK_NAME = ".lock"
PARTIAL_PREFIX = ".partial-"
LOGICAL = "logical"
#: What belongs to a whole server; together with backups of its databases, a set.
GLOBALS = "globals"
#: The files of a whole server.
PHYSICAL = "physical"
# No database has these folders: their names would be written %25globals and %25physical.
GLOBALS_FOLDER = "%globals"
PHYSICAL_FOLDER = "%physical"
#: What physical backups are filed under where a database's name is asked for: no database can be called so.
PHYSICAL_NAME = "\0physical"

_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[a-z]+\Z")
_COMPONENT = re.compile(r"[A-Za-z0-9_%-][A-Za-z0-9_.%~-]*\Z")
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"
_LONGEST_NAME = 200
_DIGEST_LENGTH = 32


def escape_name(name: str) -> str:
    """``name`` as one path component of at most 200 characters; different names give different components.

    :raises UsageError: it is empty or is not text.
    """
    try:
        data = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = b""
    if not data:
        raise UsageError(f"the name {name!r} cannot be used as a folder name", hint="name it explicitly")
    escaped = urllib.parse.quote(data, safe="").replace("~", "%7E")
    if escaped.startswith("."):
        escaped = "%2E" + escaped[1:]
    if len(escaped) > _LONGEST_NAME:
        head = re.sub(r"%.?\Z", "", escaped[: _LONGEST_NAME - _DIGEST_LENGTH - 1])
        escaped = f"{head}~{hashlib.sha256(data).hexdigest()[:_DIGEST_LENGTH]}"
    return escaped


def is_component(text: str) -> bool:
    """Whether ``text`` can be a path component written by :func:`escape_name`."""
    return bool(_COMPONENT.match(text))


def is_safe_path(path: str) -> bool:
    """Whether a relative path, with ``/`` between its parts, names something below the folder it is relative to."""
    return "\0" not in path and all(part not in ("", ".", "..") for part in path.split("/"))


def backup_id(kind: str, started: datetime.datetime) -> str:
    """The id of a backup of ``kind`` that began at ``started`` (an aware time)."""
    return f"{started.astimezone(datetime.timezone.utc).strftime(_TIME_FORMAT)}-{kind}"


def is_backup_id(text: str) -> bool:
    return bool(_ID.match(text))


def database_folder(cluster: str, database: str) -> str:
    """The folder of one database's backups, relative to the repository; that of the server's globals without a name."""
    special = {"": GLOBALS_FOLDER, PHYSICAL_NAME: PHYSICAL_FOLDER}
    return f"{escape_name(cluster)}/{special.get(database) or escape_name(database)}"


def filed_under(kind: str, database: str) -> str:
    """What :func:`database_folder` is to be asked for, for a backup of a kind."""
    return PHYSICAL_NAME if kind == PHYSICAL else database


def staging_name(name: str) -> str:
    """A new hidden name for what will be ``name`` when it is whole."""
    return f"{PARTIAL_PREFIX}{name}-{secrets.token_hex(4)}"


def is_staging_name_of(text: str, name: str) -> bool:
    """Whether :func:`staging_name` made ``text`` from ``name``, and not from a longer name that begins with it."""
    prefix = f"{PARTIAL_PREFIX}{name}-"
    return text.startswith(prefix) and bool(re.match(r"[0-9a-f]{8}\Z", text[len(prefix) :]))
