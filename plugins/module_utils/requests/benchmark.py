# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for a measurement of both engines, out of the options that were given."""

from __future__ import annotations

from ..benchmark import BenchmarkRequest, check_format
from ..mysql.options import BackupOptions as MysqlBackupOptions
from ..postgresql.options import BackupOptions
from ..tools.engine import TOOLS, Engine
from .connection import database_name, mysql_connection, postgresql_connection
from .given import Given
from .given_compression import compression_of
from .option import POSTGRESQL


def benchmark_request(given: Given) -> BenchmarkRequest:
    """What to measure.

    :raises UsageError: the options contradict each other or a value is not valid.
    """
    options: BackupOptions | MysqlBackupOptions
    chosen, compression, jobs = given.text("format"), compression_of(given), given.count("jobs", least=1)
    if given.world == POSTGRESQL:
        connection = postgresql_connection(given)
        options = BackupOptions(connection, database_name(given), chosen or "custom", compression, jobs=jobs)
    else:
        mysql = mysql_connection(given)
        options = MysqlBackupOptions(mysql, database_name(given), chosen or "plain", compression, jobs=jobs)
    check_format(options)
    engine = Engine(TOOLS, programs=given.text("tools_path"), scratch_folder=given.text("scratch_folder"))
    return BenchmarkRequest(options, engine, runs=given.count("runs", least=1), restores=given.switch("restores"))
