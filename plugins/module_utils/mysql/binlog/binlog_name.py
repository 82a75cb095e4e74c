# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The names that servers give to their binlogs: a base, and a number that counts on."""

from __future__ import annotations

import re

from ...errors import CorruptArtifactError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*\.(\d{6,})\Z")


def is_binlog_name(name: str) -> bool:
    """Whether a server could call a binlog so; such a name is safe as that of a file."""
    return bool(_NAME.match(name))


def number_of(name: str) -> int:
    """The number that a binlog's name ends with.

    :raises CorruptArtifactError: it is no name of a binlog (a server, too, can send anything).
    """
    found = _NAME.match(name)
    if not found:
        raise CorruptArtifactError(f"{name!r} is not the name of a binlog")
    return int(found[1])


def name_after(name: str) -> str:
    """The name of the file that the server begins next: MySQL and MariaDB count on with six digits and more."""
    number = number_of(name)
    stem = name.rpartition(".")[0]
    return f"{stem}.{number + 1:06}"
