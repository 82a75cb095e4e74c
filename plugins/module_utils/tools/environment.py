# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the vendor's programs get to see of this process's environment: no secret, and no language but English."""

from __future__ import annotations

import os

_PASSED = frozenset(
    ("PATH", "HOME", "USER", "LOGNAME", "LD_LIBRARY_PATH", "TZ", "TMPDIR", "KRB5CCNAME", "KRB5_CONFIG",
     "LIBMYSQL_PLUGIN_DIR", "MARIADB_PLUGIN_DIR")
)  # fmt: skip
# libpq's own settings, as the native engine heeds them too.
_PASSED_PREFIX = "PG"
_SECRET = frozenset(("PGPASSWORD",))


def program_environment(**more: str) -> dict[str, str]:
    """The environment of a program.

    :param more: variables of its own.
    """
    passed = {
        name: value
        for name, value in os.environ.items()
        if (name in _PASSED or name.startswith(_PASSED_PREFIX)) and name not in _SECRET
    }
    return {**passed, "LC_ALL": "C", "LANGUAGE": "C", **more}
