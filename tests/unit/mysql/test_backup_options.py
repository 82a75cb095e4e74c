# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of a backup that cannot be met are refused before anything is connected to."""

from __future__ import annotations

import pytest

from dbfleet.errors import UsageError
from dbfleet.mysql.dump import MysqlBackupSource
from dbfleet.mysql.options import BackupOptions, ConnectionOptions


def test_a_plain_backup_is_one_stream() -> None:
    with pytest.raises(UsageError, match="jobs is 2, and a backup of the format plain is one stream") as caught:
        MysqlBackupSource(BackupOptions(connection=ConnectionOptions(), database="shop", jobs=2))
    assert "leave jobs out" in caught.value.hint


def test_a_format_that_does_not_exist_is_named() -> None:
    with pytest.raises(UsageError, match="there is no format 'tar'"):
        MysqlBackupSource(BackupOptions(connection=ConnectionOptions(), database="shop", format="tar", jobs=2))
