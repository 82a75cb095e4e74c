# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which server this is.

What it can do is always probed (variables, tables of information_schema), never read off here.
"""

from __future__ import annotations

import re

from ..lazy_dataclass import dataclass


@dataclass(frozen=True)
class ServerVersion:
    """The server's family and version.

    :param dbms: ``mysql`` or ``mariadb``.
    :param text: as ``@@version`` says it.
    :param number: major * 10000 + minor * 100 + patch.
    """

    dbms: str
    text: str
    number: int

    @property
    def is_mariadb(self) -> bool:
        return self.dbms == "mariadb"

    @property
    def product(self) -> str:
        """The family's name for messages."""
        return "MariaDB" if self.is_mariadb else "MySQL"


def parse_version(text: str, comment: str) -> ServerVersion:
    """Read ``@@version`` and ``@@version_comment``.

    MariaDB may put ``5.5.5-`` in front for old replication clients; builds may leave its name out of either text.
    """
    is_mariadb = "mariadb" in f"{text} {comment}".lower()
    plain = text[len("5.5.5-") :] if is_mariadb and text.startswith("5.5.5-") else text
    parts = [int(part) for part in re.findall(r"\d+", plain.partition("-")[0])[:3]]
    major, minor, patch = (*parts, 0, 0, 0)[:3]
    return ServerVersion("mariadb" if is_mariadb else "mysql", plain, major * 10000 + minor * 100 + patch)
