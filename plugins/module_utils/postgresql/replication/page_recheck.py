# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A second look at pages that seem damaged: one may have been read while the server was writing it."""

from __future__ import annotations

import time
import typing as t

from ...errors import ConnectError, NotFoundError, PrivilegeError, QueryError
from ..connection import connect
from ..options import ConnectionOptions
from ..session import Session
from .page_checksums import PAGE_SIZE, PAGES_PER_FILE, damaged_pages

# A file that is gone counts as empty: recovery removes it too.
_READ = """
    SELECT coalesce(pg_catalog.pg_read_binary_file($1, $2::pg_catalog.int8, $3::pg_catalog.int8, true), '')
"""
_ATTEMPTS = 3
_PAUSE = 0.2
#: Where so much is damaged, it was not the moment.
_MOST = 1000


def still_damaged(
    options: ConnectionOptions, damaged: t.Mapping[str, t.Sequence[int]], *, written_before: int
) -> dict[str, list[int]]:
    """Those of the damaged pages whose checksums are wrong in the server's file too.

    Where the user may not look (which takes a superuser, or ``pg_read_server_files`` from 11 on), all of them.

    :param damaged: numbers of pages, by the path of their file.
    :param written_before: as for :func:`~.page_checksums.damaged_pages`.
    """
    if sum(map(len, damaged.values())) > _MOST:
        return {path: list(pages) for path, pages in damaged.items()}
    try:
        session = connect(options, database=options.maintenance_database)
    except (ConnectError, NotFoundError):
        return {path: list(pages) for path, pages in damaged.items()}
    try:
        found = {
            path: [number for number in pages if _is_damaged(session, path, number, written_before)]
            for path, pages in damaged.items()
        }
    except PrivilegeError:
        return {path: list(pages) for path, pages in damaged.items()}
    finally:
        session.close()
    return {path: pages for path, pages in found.items() if pages}


def _is_damaged(session: Session, path: str, number: int, written_before: int) -> bool:
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE)
        offset = number % PAGES_PER_FILE * PAGE_SIZE
        try:
            (page,) = session.query_bytes(_READ, (path, str(offset), str(PAGE_SIZE)))
        except QueryError:
            # It cannot be read: no better than damaged.
            return True
        if len(page) < PAGE_SIZE or not damaged_pages(page, number, written_before=written_before):
            return False
    return True
