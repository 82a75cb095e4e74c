# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the runner keeps in mind about a job from run to run: what was told to whom, and what waits to be told."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import typing as t

from ..errors import CorruptArtifactError
from ..lazy_dataclass import dataclass
from ..streams.file import storage_error
from ..streams.replaced_file import replace_file
from .lock import folder_lock

NOTES_SUFFIX = ".notes"
_MODE = 0o640
_LARGEST = 1 << 20
_VERSION = 1
#: Older ones make place: what happened since is more than what they say.
MOST_PENDING = 20


@dataclass(frozen=True)
class Notification:
    """Something that waits to be told in one way.

    :param channel: ``webhook`` or ``mail``.
    :param text: one line for a human.
    :param data: fields for a program, without secrets.
    """

    event: str
    channel: str
    at: str
    text: str
    data: t.Mapping[str, t.Any]


@dataclass(frozen=True)
class JobNotes:
    """Notes about one job; times are ISO 8601 in UTC, empty for never.

    :param first_seen_at: from when on it can be missed.
    :param running_since: of a run that has not said how it ended.
    :param failure_told_at: since when it is known to others that it fails; empty when it does not.
    :param silence_told_at: the same for its silence.
    :param pending: what nobody has been told yet.
    """

    first_seen_at: str = ""
    running_since: str = ""
    failure_told_at: str = ""
    silence_told_at: str = ""
    pending: tuple[Notification, ...] = ()


def read_notes(folder: str, name: str) -> JobNotes:
    """The notes about the job ``name``; empty ones where there are none.

    :raises CorruptArtifactError: the file is damaged.
    :raises StorageError: it cannot be read.
    """
    path = os.path.join(folder, name + NOTES_SUFFIX)
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST)
    except FileNotFoundError:
        return JobNotes()
    except OSError as error:
        raise storage_error("read", path, error) from error
    try:
        fields = json.loads(data)
        if fields.pop("version") != _VERSION:
            raise ValueError("another version")
        pending = tuple(Notification(**one) for one in fields.pop("pending"))
        return JobNotes(pending=pending, **fields)
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        raise CorruptArtifactError(f"{path} holds no notes about a job", hint="remove it", path=path) from error


def change_notes(folder: str, name: str, change: t.Callable[[JobNotes], JobNotes]) -> JobNotes:
    """Replace the notes by what ``change`` makes of them, one process at a time.

    Damaged ones are as good as none: they must not keep a backup from being made.

    :raises StorageError: they cannot be read or written.
    """
    with folder_lock(folder, "notes"):
        before = JobNotes()
        with contextlib.suppress(CorruptArtifactError):
            before = read_notes(folder, name)
        after = change(before)
        after = dataclasses.replace(after, pending=after.pending[-MOST_PENDING:])
        if after != before:
            data = {"version": _VERSION, **dataclasses.asdict(after)}
            path = os.path.join(folder, name + NOTES_SUFFIX)
            replace_file(path, json.dumps(data, indent=1).encode("ascii") + b"\n", mode=_MODE)
    return after
