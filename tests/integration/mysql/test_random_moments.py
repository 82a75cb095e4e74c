# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random moments of a random workload: a full backup and the archive bring a target to what the source was then.

``DBFLEET_MOMENTS=50`` tries so many on each version, of a workload that is as much longer, and ``DBFLEET_SEED`` makes
it another one; the run says at its end what it did.
"""

from __future__ import annotations

import datetime
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.mysql.binlog.target import Target
from dbfleet.mysql.load_options import LoadOptions
from dbfleet.mysql.options import BackupOptions
from dbfleet.progress import Progress
from tests.servers import Server
from tests.servers.fixtures import MYSQL_FAMILY, ServerPool

from .binlog_support import CLUSTER, options
from .binlog_workload import Workload, state
from .test_binlog_replica import logged
from .test_point_in_time import Pair

MOMENTS = int(os.environ.get("DBFLEET_MOMENTS", "3"))
SEED = int(os.environ.get("DBFLEET_SEED", "20261123"))
APPLIERS = ["auto", "binlog_statements"]


def full_backup(pair: Pair) -> None:
    """Of tables that no snapshot covers too."""
    source = BackupOptions(options(pair.source), "d", lock_tables=True)
    backup(BackupRequest(source, Destination(repository=str(pair.repository), cluster=CLUSTER)), Progress())


def now(server: Server) -> int:
    """The server's time in microseconds since 1970."""
    (text,) = server.execute("SELECT UTC_TIMESTAMP(6)")[0]
    since = datetime.datetime.fromisoformat(f"{text}+00:00") - datetime.datetime.fromtimestamp(0, datetime.timezone.utc)
    return since // datetime.timedelta(microseconds=1)


def ways_to_now(pair: Pair) -> list[Target]:
    """Every way to name the present; called before anything else happens."""
    ways = [Target(position=pair.place())]
    if pair.gtid():
        ways.append(Target(gtid=pair.gtid()))
    if pair.source.flavor == "mysql" and pair.source.version[0] >= 8:
        # Others note no fractions of a second.
        ways.append(Target(time=now(pair.source)))
    return ways


def clear(target: Server) -> None:
    """As if nothing had been replayed."""
    target.execute("DROP DATABASE IF EXISTS d", "DROP DATABASE IF EXISTS other")
    if target.flavor == "mariadb":
        target.execute("RESET MASTER", "SET GLOBAL gtid_slave_pos = ''")
    else:
        target.execute("RESET BINARY LOGS AND GTIDS" if target.version[0] >= 8 else "RESET MASTER")


@pytest.mark.timeout(300 + 100 * MOMENTS)
@pytest.mark.parametrize("name", MYSQL_FAMILY)
def test_random_moments_of_a_random_workload(name: str, server_pool: ServerPool, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    began = time.monotonic()
    done: Counter[str] = Counter()
    with server_pool.fresh(name) as source, server_pool.fresh(name, extra_config=logged(name)) as target:
        target.execute("SET GLOBAL local_infile = 1", "SET GLOBAL log_bin_trust_function_creators = 1")
        pair = Pair(source, target, tmp_path / "repository")
        workload = Workload(source, tmp_path, SEED)
        workload.prepare()
        full_backup(pair)
        # A backup's moment is known to the second: none is older for what comes within this one.
        time.sleep(1.1)
        moments: list[tuple[list[Target], dict[str, Any]]] = []
        steps = max(8, MOMENTS + MOMENTS // 5)
        for step in range(steps):
            workload.step()
            moments.append((ways_to_now(pair), state(source)))
            if chance.random() < 0.2:
                pair.archive()
            if step and step % 25 == 0:
                # A backup's moment is known to the second.
                time.sleep(1.1)
                full_backup(pair)
        pair.archive()
        chosen = [moments[-1], *chance.sample(moments[:-1], MOMENTS - 1)]
        for index, (ways, want) in enumerate(chosen):
            clear(target)
            # Those of MariaDB and MySQL 5.7 can only be replicas that keep GTIDs.
            keep = chance.random() < 0.5
            # What the restore would write into the log has GTIDs of its own.
            restore = {"load": LoadOptions(skip_binlog=keep)}
            how = {"applier": chance.choice(APPLIERS), "keep_gtids": keep, "restore": restore}
            result = pair.rewind(chance.choice(ways), **how)
            assert state(target) == want, f"moment {index}: {workload.done}"
            done[str(result.replay["applier"])] += 1
    counts = ", ".join(f"{count} by {applier}" for applier, count in sorted(done.items()))
    sys.stderr.write(f"\n{name}: {len(chosen)} of {steps} moments ({counts}) in {time.monotonic() - began:.0f} s\n")
