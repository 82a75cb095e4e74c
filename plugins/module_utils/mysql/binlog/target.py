# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The moment that a server is to be brought back to, found among the transactions of a chain of binlogs."""

from __future__ import annotations

import datetime
import re

from ...errors import ConsistencyError, UsageError
from ...lazy_dataclass import dataclass
from .binlog_name import is_binlog_name, number_of
from .chain import BackupPoint, Chain
from .gtid_history import GtidTracker
from .gtid_set import MariadbGtidState, MysqlGtidSet
from .log_start import is_held, last_of_domains
from .transactions import Transaction

_TIME = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?(Z|[+-]\d\d:?\d\d)?")
_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Target:
    """Exactly one of the ways to name a moment.

    :param time: microseconds since 1970: what was committed before it.
    :param gtid: a GTID or a set of them, included.
    :param position: a place in the log: file and offset; transactions that end there or before.
    :param before: the GTID of a transaction: what was committed before it.
    :param latest: the end of what is archived.
    """

    time: int | None = None
    gtid: str = ""
    position: tuple[str, int] | None = None
    before: str = ""
    latest: bool = False

    @property
    def text(self) -> str:
        """For people."""
        if self.time is not None:
            moment = datetime.datetime.fromtimestamp(self.time // _MICROSECONDS, datetime.timezone.utc)
            return f"{moment:%Y-%m-%d %H:%M:%S}.{self.time % _MICROSECONDS:06} UTC"
        if self.position is not None:
            return f"{self.position[0]}:{self.position[1]}"
        return self.gtid or (f"before {self.before}" if self.before else "the end of the archive")


def parse_moment(text: str) -> int:
    """A time as microseconds since 1970; without a zone it is this machine's.

    :raises UsageError: it is not one.
    """
    if not _TIME.fullmatch(text):
        raise UsageError(f"{text!r} is not a time", hint="write 2026-11-22 03:15:00, or with a zone: …+01:00, …Z")
    zoned = re.sub(r"([+-]\d\d):?(\d\d)$", r"\1:\2", text.replace("Z", "+00:00"))
    whole, dot, rest = zoned.partition(".")
    if dot:
        digits = re.match(r"\d+", rest)
        fraction = digits[0] if digits else ""
        zoned = f"{whole}.{fraction:0<6}{rest[len(fraction) :]}"
    try:
        moment = datetime.datetime.fromisoformat(zoned)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a time: {error}") from error
    if moment.tzinfo is None:
        moment = moment.astimezone()
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return since // datetime.timedelta(microseconds=1)


def parse_position(text: str) -> tuple[str, int]:
    """Read ``binlog.000042:1234``.

    :raises UsageError: it is not that.
    """
    name, colon, offset = text.rpartition(":")
    if not colon or not offset.isascii() or not offset.isdigit() or not is_binlog_name(name):
        raise UsageError(f"{text!r} is not a place in a binlog", hint="write binlog.000042:1234")
    return name, int(offset)


class Stop:
    """Where the transactions of a chain end for a target; told of them in their order.

    :raises UsageError: a GTID cannot be understood.
    """

    def __init__(self, target: Target, point: BackupPoint) -> None:
        self._target = target
        self._found = False
        self._wanted = _Wanted(target.gtid, point.gtid) if target.gtid else None

    def is_after(self, point: BackupPoint) -> bool:
        """Whether a backup is of a moment before the target, or the very moment."""
        target = self._target
        if target.time is not None:
            # The second in which it was taken may have held more than the moment asked for.
            return bool(point.time) and (point.time + 1) * _MICROSECONDS <= target.time
        if target.position is not None:
            return _place(point.file, point.position) <= _place(*target.position) if point.file else False
        if target.before:
            return bool(point.gtid) and not is_held(_as_set(target.before), point.gtid)
        if target.gtid:
            # Of a single one it must not have it yet, of a set nothing beside.
            has_it = is_held(_as_set(target.gtid), point.gtid)
            return bool(point.gtid) and (not has_it or is_held(point.gtid, _as_set(target.gtid)))
        return True

    def __call__(self, name: str, transaction: Transaction) -> bool:
        """Whether this is the first transaction that is left out."""
        target = self._target
        if target.time is not None:
            self._found = transaction.time >= target.time
        elif target.position is not None:
            self._found = _place(name, transaction.end) > _place(*target.position)
        elif target.before:
            self._found = _same_gtid(transaction.gtid, target.before)
        elif target.gtid:
            self._found = self._has_all()
            if self._wanted is not None and not self._found:
                self._wanted.see(transaction.gtid)
        return self._found

    def check_reached(self, chain: Chain) -> None:
        """Make sure that the chain led to the target.

        :raises ConsistencyError: it did not, and how far it does.
        """
        target = self._target
        if self._found:
            return
        if target.time is not None:
            reached = chain.end_time * _MICROSECONDS >= target.time
        elif target.position is not None:
            last = chain.files[-1]
            reached = _place(last.name, last.size) >= _place(*target.position)
        elif target.gtid:
            reached = self._has_all()
        else:
            reached = target.latest and not chain.broken
        if reached:
            return
        end = datetime.datetime.fromtimestamp(chain.end_time, datetime.timezone.utc)
        last_file = chain.files[-1]
        missing = f"; not archived: {self._wanted.missing()}" if self._wanted is not None else ""
        raise ConsistencyError(
            f"{target.text} cannot be reached: {chain.broken or 'the archive ends'} at {last_file.name}:"
            f"{last_file.size}, {end:%Y-%m-%d %H:%M:%S} UTC{missing}",
            hint="archive the server's binlogs up to there, or choose a moment that can be reached (dbfleet info)",
            end_file=last_file.name,
            end_position=last_file.size,
            end_time=chain.end_time,
            gap=chain.broken,
        )

    def _has_all(self) -> bool:
        return self._wanted is None or not self._wanted.left


class _Wanted:
    """The transactions of a set that a backup does not have, and how many of them have not come yet.

    :ivar left: of MySQL their number, of MariaDB that of the domains which have not come so far.
    """

    def __init__(self, wanted: str, held: str) -> None:
        self._of_mysql = ":" in wanted
        self._set = MysqlGtidSet()
        self._domains: dict[int, int] = {}
        self._seen = GtidTracker()
        if self._of_mysql:
            self._set = MysqlGtidSet.parse(wanted) - MysqlGtidSet.parse(held if ":" in held else "")
            runs = [run for source in self._set.intervals.values() for run in source]
            self.left = sum(last - first + 1 for first, last in runs)
            return
        have = last_of_domains("" if ":" in held else held)
        self._domains = {
            domain: number for domain, number in last_of_domains(wanted).items() if number > have.get(domain, 0)
        }
        self.left = len(self._domains)

    def see(self, gtid: str) -> None:
        """One more transaction."""
        if not gtid or (":" in gtid) != self._of_mysql:
            return
        if self._of_mysql:
            if gtid in self._set:
                self._seen.add(gtid)
                self.left -= 1
            return
        domain, _server, number = map(int, gtid.split("-"))
        if number >= self._domains.get(domain, number + 1):
            del self._domains[domain]
            self.left -= 1

    def missing(self) -> str:
        """What has not come, for people."""
        if self._of_mysql:
            return str(self._set - MysqlGtidSet.parse(str(self._seen)))
        return ", ".join(f"domain {domain} up to {number}" for domain, number in self._domains.items())


def _as_set(gtid: str) -> str:
    return str(MysqlGtidSet.parse(gtid)) if ":" in gtid else str(MariadbGtidState.parse(gtid))


def _same_gtid(one: str, other: str) -> bool:
    if ":" in one and ":" in other:
        return MysqlGtidSet.parse(one) == MysqlGtidSet.parse(other)
    return one == other


def _place(name: str, position: int) -> tuple[int, int]:
    return number_of(name), position
