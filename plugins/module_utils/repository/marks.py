# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What became known of a backup after it was finished: small sealed files beside its manifest.

A manifest is never changed. A hold says that a backup must stay, a verification what was found when it was looked at.
"""

from __future__ import annotations

import datetime
import typing as t

from ..errors import CorruptArtifactError
from ..lazy_dataclass import dataclass
from .sealed import decode, load_sealed, seal
from .storage import Storage

HOLD_NAME = "hold.json"
VERIFICATIONS_NAME = "verifications.json"
#: From the cheapest to the one that proves most.
LEVELS = ("checksums", "structure", "restore")

_VERSION_KEY = "mark_version"
_VERSION = 1
_LARGEST_MARK = 1 << 20
_MOST_VERIFICATIONS = 50

_Mark = t.TypeVar("_Mark")


@dataclass(frozen=True)
class Hold:
    """Somebody's word that a backup must not be removed.

    :param until: ISO 8601 in UTC; empty for until it is released.
    :param reason: the user's, for the one who wonders later.
    :param set_at: ISO 8601 in UTC.
    """

    until: str
    reason: str
    set_at: str

    def holds(self, now: datetime.datetime) -> bool:
        """Whether it still counts at ``now`` (an aware time)."""
        return not self.until or datetime.datetime.fromisoformat(self.until) > now


@dataclass(frozen=True)
class Verification:
    """One look at a backup.

    :param level: one of :data:`LEVELS`.
    :param verified_at: ISO 8601 in UTC.
    :param passed: whether the backup is what it must be.
    :param findings: what is wrong; empty where it passed.
    :param duration: in seconds.
    """

    level: str
    verified_at: str
    passed: bool
    findings: tuple[str, ...]
    engine_version: str
    duration: float = 0.0


@dataclass(frozen=True)
class _Verifications:
    verifications: tuple[Verification, ...]


def read_hold(storage: Storage, folder: str) -> Hold | None:
    """The hold on the backup in ``folder``, ``None`` where there is none.

    :raises CorruptArtifactError: it is damaged.
    """
    hold = _read(storage, f"{folder}/{HOLD_NAME}", Hold)
    if hold is not None:
        _check_times(storage.url(f"{folder}/{HOLD_NAME}"), hold.set_at, *filter(None, (hold.until,)))
    return hold


def write_hold(storage: Storage, folder: str, hold: Hold) -> None:
    """Put a hold on a backup, instead of one that is there."""
    storage.write_small(f"{folder}/{HOLD_NAME}", _sealed_hold(hold))


def remove_hold(storage: Storage, folder: str) -> None:
    """Release a backup."""
    storage.remove_small(f"{folder}/{HOLD_NAME}")


def read_verifications(storage: Storage, folder: str) -> tuple[Verification, ...]:
    """What was found at the looks at the backup in ``folder``, the oldest first.

    :raises CorruptArtifactError: the record is damaged.
    """
    found = _read(storage, f"{folder}/{VERIFICATIONS_NAME}", _Verifications)
    if found is None:
        return ()
    what = storage.url(f"{folder}/{VERIFICATIONS_NAME}")
    _check_times(what, *(one.verified_at for one in found.verifications))
    unknown = sorted({one.level for one in found.verifications} - set(LEVELS))
    if unknown:
        raise CorruptArtifactError(f"{what} makes no sense: the level {unknown[0]!r}", path=what)
    return found.verifications


def add_verification(storage: Storage, folder: str, verification: Verification) -> None:
    """Keep what was found with the backup; of very many, the newest are kept."""
    kept = (*read_verifications(storage, folder), verification)[-_MOST_VERIFICATIONS:]
    storage.write_small(f"{folder}/{VERIFICATIONS_NAME}", _sealed_verifications(kept))


def marks_to_copy(storage: Storage, folder: str) -> t.Iterator[tuple[str, bytes]]:
    """The names and the bytes of the marks that go with a copy of the backup in ``folder``.

    A copy has the same bytes, so what was found in them is true of it, and whoever wanted one kept wanted both.

    :raises CorruptArtifactError: one is damaged.
    """
    hold, verifications = read_hold(storage, folder), read_verifications(storage, folder)
    if hold is not None:
        yield HOLD_NAME, _sealed_hold(hold)
    if verifications:
        yield VERIFICATIONS_NAME, _sealed_verifications(verifications)


def failed_last(verifications: t.Sequence[Verification]) -> Verification | None:
    """The failed verification that makes a backup a bad one, ``None`` for a good one.

    A look that proves as much or more, and passed later, takes the word of an earlier one back.
    """
    for index, one in enumerate(verifications):
        later = verifications[index + 1 :]
        if not one.passed and not any(
            other.passed and LEVELS.index(other.level) >= LEVELS.index(one.level) for other in later
        ):
            return one
    return None


def _sealed_hold(hold: Hold) -> bytes:
    return seal({_VERSION_KEY: _VERSION, **vars(hold)})


def _sealed_verifications(verifications: tuple[Verification, ...]) -> bytes:
    return seal({_VERSION_KEY: _VERSION, "verifications": verifications})


def _read(storage: Storage, path: str, record: type[_Mark]) -> _Mark | None:
    data = storage.read_small(path, _LARGEST_MARK)
    if data is None:
        return None
    what = storage.url(path)
    try:
        fields = load_sealed(data, what=what, version_key=_VERSION_KEY, version=_VERSION)
        return decode(record, fields, what=what)
    except CorruptArtifactError as error:
        error.context["path"] = what
        raise


def _check_times(what: str, *times: str) -> None:
    for text in times:
        try:
            aware = datetime.datetime.fromisoformat(text).utcoffset() is not None
        except ValueError:
            aware = False
        if not aware:
            raise CorruptArtifactError(f"{what} makes no sense: the time {text!r}", path=what)
