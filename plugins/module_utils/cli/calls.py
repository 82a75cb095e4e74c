# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The engine's jobs as the command calls them: each makes its request of what was given, and words of its result."""

from __future__ import annotations

import typing as t

from ..errors import UsageError
from ..progress import Progress
from .arguments import Command
from .output import (
    backup_text,
    cluster_backup_text,
    cluster_restore_text,
    cluster_script_text,
    info_text,
    restore_script_text,
    restore_text,
)

if t.TYPE_CHECKING:
    from ..backup import BackupRequest, BackupResult
    from ..cluster_backup import ClusterBackupRequest, ClusterBackupResult
    from ..requests.restore import Request

#: A job's result as ``--json`` prints it and as a person reads it.
Outcome = tuple[dict[str, t.Any], str]

# Each job imports what it needs itself: importing everything would take longer than many a job.


def _backup(command: Command, progress: Progress) -> Outcome:
    from ..backup import BackupRequest, backup
    from ..requests.backup import backup_request

    request = backup_request(command.given, check=command.check)
    if not isinstance(request, BackupRequest):
        from ..cluster_backup import backup_cluster

        data = _with_copy(request, backup_cluster(request, progress), progress)
        return data, cluster_backup_text(data, check=command.check)
    data = _with_copy(request, backup(request, progress), progress)
    return data, backup_text(data, check=command.check)


def _with_copy(
    request: BackupRequest | ClusterBackupRequest, made: BackupResult | ClusterBackupResult, progress: Progress
) -> dict[str, t.Any]:
    if not request.destination.copy_to:
        return made.to_dict()
    from ..copied_backup import with_copy

    return with_copy(request, made, progress).to_dict()


def _restore(command: Command, progress: Progress) -> Outcome:
    from ..requests.restore import restore_request
    from .standard_input import with_standard_input

    with with_standard_input(restore_request(command.given, check=command.check)) as request:
        return _restored(request, command, progress)


def _restored(request: Request, command: Command, progress: Progress) -> Outcome:
    from ..restore import RestoreRequest, restore

    if isinstance(request, RestoreRequest):
        data = restore(request, progress).to_dict()
        return data, restore_text(data, check=command.check)

    from ..cluster_restore import ClusterRestoreRequest, restore_cluster
    from ..cluster_script import restore_cluster_script
    from ..restore_script import STANDARD_OUTPUT, RestoreScriptRequest, restore_to_script

    if isinstance(request, ClusterRestoreRequest):
        data = restore_cluster(request, progress).to_dict()
        return data, cluster_restore_text(data, check=command.check)
    if isinstance(request, RestoreScriptRequest):
        if request.file == STANDARD_OUTPUT and command.json:
            raise UsageError("--json and a script cannot both go to standard output", hint="name a file for the script")
        data = restore_to_script(request, progress).to_dict()
        return data, restore_script_text(data, check=command.check)
    data = restore_cluster_script(request, progress).to_dict()
    return data, cluster_script_text(data, check=command.check)


def _info(command: Command, _progress: Progress) -> Outcome:
    from ..info import info
    from ..requests.info import info_request

    data = info(info_request(command.given)).to_dict()
    return data, info_text(data)


def _prune(command: Command, progress: Progress) -> Outcome:
    from ..prune import prune
    from ..requests.prune import prune_request
    from .prune_text import prune_text

    data = prune(prune_request(command.given, check=command.check), progress).to_dict()
    return data, prune_text(data, check=command.check)


def _hold(command: Command, _progress: Progress) -> Outcome:
    from ..hold import hold
    from ..requests.prune import hold_request
    from .prune_text import hold_text

    data = hold(hold_request(command.given, check=command.check)).to_dict()
    return data, hold_text(data)


def _copy(command: Command, progress: Progress) -> Outcome:
    from ..copies import copy
    from ..requests.copies import copy_request
    from .copy_text import copy_text

    data = copy(copy_request(command.given, check=command.check), progress).to_dict()
    return data, copy_text(data, check=command.check)


def _verify(command: Command, progress: Progress) -> Outcome:
    from ..requests.verify import verify_request
    from ..verify import verify
    from .verify_text import verify_text

    data = verify(verify_request(command.given, check=command.check), progress).to_dict()
    return data, verify_text(data, check=command.check)


def _compare(command: Command, progress: Progress) -> Outcome:
    from ..compare import compare
    from ..requests.compare import compare_request
    from .compare_text import compare_text

    data = compare(compare_request(command.given), progress).to_dict()
    return data, compare_text(data)


def _benchmark(command: Command, progress: Progress) -> Outcome:
    from ..benchmark import benchmark
    from ..requests.benchmark import benchmark_request
    from .benchmark_text import benchmark_text

    data = benchmark(benchmark_request(command.given), progress).to_dict()
    return data, benchmark_text(data)


#: What a job's first word means.
CALLS: dict[str, t.Callable[[Command, Progress], Outcome]] = {
    "backup": _backup,
    "restore": _restore,
    "info": _info,
    "prune": _prune,
    "hold": _hold,
    "copy": _copy,
    "verify": _verify,
    "compare": _compare,
    "benchmark": _benchmark,
}
