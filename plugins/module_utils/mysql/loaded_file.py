# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``LOAD DATA LOCAL INFILE`` of a mydumper folder: which file of the folder it names, and how it is run.

The server is sent the folder's own file, whatever path the statement has, and never any other.
"""

from __future__ import annotations

import re
import typing as t

from ..errors import UsageError
from .load_options import ERROR

_HEAD = re.compile(
    rb"LOAD\s+DATA\s+LOCAL\s+INFILE\s+'([^'\\]+)'\s+((?:REPLACE|IGNORE)\s+)?INTO\s+TABLE\s+`([^`]*(?:``[^`]*)*)`(?!\s*\.)"
    rb"(\s+CHARACTER\s+SET\s+\w+)?",
    re.IGNORECASE,
)
_INTO = re.compile(rb"(?<=')\s+INTO\s+TABLE", re.IGNORECASE)
DATA_FILE = re.compile(r"\.dat(?:\.(?:gz|zst|lz4))?$")
_LONGEST_HEAD = 4096


class LoadedFile(t.NamedTuple):
    """What a statement loads.

    :param path: the file's name in the folder.
    :param replaces: rows whose keys are there are replaced (or left out) by the statement itself.
    :param text: the statement as it is run.
    """

    path: str
    replaces: bool
    text: bytes

    def with_duplicates(self, duplicates: str) -> bytes:
        """The statement with what becomes of rows whose keys are there, where it does not say so itself."""
        if duplicates == ERROR or self.replaces:
            return self.text
        return _INTO.sub(b" " + duplicates.upper().encode() + b" INTO TABLE", self.text, count=1)


def loaded_file(text: bytes, names: t.Collection[str]) -> LoadedFile:
    """What a ``LOAD DATA`` statement of a folder loads.

    :param names: of the folder's files.
    :raises UsageError: it is not of the form that mydumper writes, or its file is not in the folder.
    """
    head = _HEAD.match(text, 0, _LONGEST_HEAD)
    if head is None:
        raise UsageError(
            "a LOAD DATA statement is not of the form that mydumper writes",
            hint="only LOAD DATA LOCAL INFILE of a file in the same folder is run",
        )
    path = head.group(1).decode("utf-8", "replace").rpartition("/")[2]
    if path not in names or not DATA_FILE.search(path):
        raise UsageError(
            f"a LOAD DATA statement names {path}, which is no data file of the folder",
            hint="only files of the folder itself are sent to the server",
        )
    if head.group(4):
        return LoadedFile(path, bool(head.group(2)), text)
    # mydumper reads with SET NAMES binary, so the file has each column's own bytes.
    return LoadedFile(path, bool(head.group(2)), text[: head.end()] + b" CHARACTER SET binary" + text[head.end() :])
