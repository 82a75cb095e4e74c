# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The digest of an archived file, computed beside what comes next."""

from __future__ import annotations

import hashlib
import os

from dbfleet.mysql.binlog.beside_digest import BesideDigest


def test_it_is_that_of_all_pieces_in_their_order() -> None:
    digest, expected = BesideDigest(), hashlib.sha256()
    for size in (4, 1 << 20, 70_000, 10, 9 << 20, 1 << 20, 0, 100_000):
        data = os.urandom(size)
        digest.update(data)
        expected.update(data)
    assert digest.hexdigest() == expected.hexdigest()
    digest.update(b"more")
    expected.update(b"more")
    digest.close()
    assert digest.hexdigest() == expected.hexdigest()
