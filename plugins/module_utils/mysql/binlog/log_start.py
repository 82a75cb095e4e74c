# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Where a server's log is to be begun with, and what to say where that is not to be had any more."""

from __future__ import annotations

import typing as t

from ...errors import ConsistencyError
from ..session import Session
from .gtid_set import MariadbGtidState, MysqlGtidSet
from .server_identity import gtids_before


def first_file(session: Session, names: t.Sequence[str], held: str | None, way_out: str) -> str:
    """The first of a server's binlogs to archive.

    :param names: of all that it has.
    :param held: the GTIDs that other servers' logs hold and this one is to go on from; ``None`` for nothing.
    :raises ConsistencyError: transactions between those held and the server's first are missing, or nobody can know.
    """
    if held is None:
        return names[0]
    if not held:
        raise ConsistencyError(
            f"{session.address} is another server than the one archived before, and without GTIDs nobody knows which "
            "of its transactions are archived",
            hint=way_out,
        )
    if session.version.is_mariadb and session.variables.get("log_slave_updates") != "ON":
        raise ConsistencyError(
            f"{session.address} is another server than the one archived before, and does not log what it replicates "
            "(log_slave_updates), so nobody knows whether something is missing between the two",
            hint=f"switch log_slave_updates on on every server that may take over; now {way_out}",
        )
    before = ""
    for name in reversed(names):
        before = gtids_before(session, name)
        if is_held(before, held):
            return name
    missing = missing_between(before, held)
    raise ConsistencyError(
        f"there is a gap: the binlogs of {session.address} begin after {before}, and what is archived ends with "
        f"{held}: {missing or 'something'} is missing",
        hint=way_out,
        archived=held,
        missing=missing,
    )


def is_held(gtids: str, held: str) -> bool:
    """Whether all of the transactions are among those held."""
    if not gtids:
        return True
    if ":" in gtids or ":" in held:
        return MysqlGtidSet.parse(gtids) <= MysqlGtidSet.parse(held) if ":" in gtids and ":" in held else False
    last = last_of_domains(held)
    return all(number <= last.get(domain, 0) for domain, number in last_of_domains(gtids).items())


def missing_between(gtids: str, held: str) -> str:
    """Those of the transactions that are not held."""
    if ":" in gtids:
        return str(MysqlGtidSet.parse(gtids) - (MysqlGtidSet.parse(held) if ":" in held else MysqlGtidSet()))
    last = last_of_domains(held)
    found = [
        f"{domain}-*-{last.get(domain, 0) + 1} to {number}"
        for domain, number in last_of_domains(gtids).items()
        if number > last.get(domain, 0)
    ]
    return ", ".join(found)


def joined(one: str, other: str) -> str:
    """The transactions of both."""
    if not one or not other:
        return one or other
    if ":" in one:
        return str(MysqlGtidSet.parse(one) | MysqlGtidSet.parse(other))
    last = dict(MariadbGtidState.parse(one).last)
    for source, number in MariadbGtidState.parse(other).last.items():
        last[source] = max(number, last.get(source, 0))
    return str(MariadbGtidState(last))


def gap(last: str, wanted: str, found: str, way_out: str) -> ConsistencyError:
    """The error for binlogs that are missing."""
    return ConsistencyError(
        f"there is a gap: the binlogs from {wanted} on are missing up to {found}; the last one archived is {last}",
        hint=f"{way_out}, and keep binlogs longer (binlog_expire_logs_seconds)",
        last=last,
        missing_from=wanted,
        next=found,
    )


def last_of_domains(text: str) -> dict[int, int]:
    """The last number of each of MariaDB's domains, whichever server it is of."""
    last: dict[int, int] = {}
    for (domain, _server), number in MariadbGtidState.parse(text).last.items():
        last[domain] = max(number, last.get(domain, 0))
    return last
