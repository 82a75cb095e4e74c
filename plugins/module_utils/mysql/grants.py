# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What SHOW GRANTS says of the connected user, read so that only certain conclusions are drawn."""

from __future__ import annotations

import re
import typing as t

from .session import Session

_NAME = r"(?:\*|`(?:[^`]|``)*`)"
_GRANT = re.compile(
    rf"GRANT (?P<what>.+?) ON (?:TABLE |DATABASE )?(?P<database>{_NAME})\.(?P<object>{_NAME}) TO ", re.DOTALL
)
_COLUMNS = re.compile(r"\s*\([^)]*\)")


class Grants:
    """The privileges of one user.

    :param user: as the server names the account.
    :param certain: false where roles or partial revokes make the list an incomplete picture.
    """

    def __init__(self, user: str, lines: t.Iterable[str]) -> None:
        self.user = user
        self.certain = True
        self._everywhere: set[str] = set()
        self._by_pattern: list[tuple[re.Pattern[str], set[str]]] = []
        for line in lines:
            self._read(line)

    def _read(self, line: str) -> None:
        match = _GRANT.match(line)
        if match is None:
            # A role, a proxy or a REVOKE: what follows from it is not worked out here.
            self.certain = self.certain and line.startswith("GRANT PROXY")
            return
        privileges = {part.strip().upper() for part in _COLUMNS.sub("", match.group("what")).split(",")}
        if match.group("database") == "*":
            self._everywhere |= privileges
        elif match.group("object") == "*":
            self._by_pattern.append((_like(match.group("database")[1:-1].replace("``", "`")), privileges))
        else:
            # Privileges on single tables may be just what is needed.
            self.certain = False

    def lacks(self, privilege: str, database: str) -> bool:
        """Whether the user certainly has not this privilege on this database."""
        if not self.certain or self._everywhere & {privilege, "ALL PRIVILEGES", "ALL"}:
            return False
        wanted = {privilege, "ALL PRIVILEGES", "ALL"}
        return not any(pattern.fullmatch(database) and wanted & held for pattern, held in self._by_pattern)

    def lacks_all(self, privileges: t.Iterable[str]) -> bool:
        """Whether the user certainly has none of these global privileges."""
        return self.certain and not self._everywhere & {*privileges, "ALL PRIVILEGES", "ALL"}


def read_grants(session: Session) -> Grants:
    """The connected user's grants."""
    lines = [line or "" for (line,) in session.query("SHOW GRANTS")]
    return Grants(session.scalar("SELECT CURRENT_USER()") or "", lines)


def _like(pattern: str) -> re.Pattern[str]:
    """A database name in a grant: ``%`` and ``_`` are wildcards unless a backslash stands before them."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return re.compile(
        "".join(wild.get(part) or re.escape(part[1:] if len(part) == 2 else part) for part in parts), re.DOTALL
    )
