# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Settings (``name=value`` in the catalogs) of functions, roles and databases as SQL."""

from __future__ import annotations

import re
import typing as t

from ..quoting import identifier, literal, split_option

#: Settings that are lists of quoted names: each element is a literal of its own. (The server marks them in guc_tables;
#: nothing in the catalogs tells.)
_QUOTED_LISTS = frozenset(
    (
        "local_preload_libraries",
        "oauth_validator_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    )
)
_LIST_ITEM = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",\s]+))\s*(?:,|$)')


def setting_sql(item: str, *, quote: t.Callable[[str], str] = literal) -> str:
    """``name TO value`` from a setting as the catalogs hold it (``name=value``).

    :param quote: how values become constants.
    """
    name, value = split_option(item)
    if name.lower() in _QUOTED_LISTS:
        items = [quoted.replace('""', '"') if quoted else bare for quoted, bare in _LIST_ITEM.findall(value)]
        return f"{identifier(name)} TO {', '.join(map(quote, items)) if items else quote('')}"
    return f"{identifier(name)} TO {quote(value)}"
