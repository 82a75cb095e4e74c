# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What all modules do around their one call into the engine.

This file knows Ansible only by the few members of :class:`Module` and :class:`Respawn`; the modules hand in the real
ones, so that the engine stays free of Ansible.
"""

from __future__ import annotations

import contextlib
import os
import sys
import typing as t

from .boundary import job_boundary
from .debug_log import LineCollector, debug_log
from .errors import DbfleetError, DriverMissingError
from .progress import Progress
from .running_jobs import RunningJobSink

DEFAULT_ENVIRONMENT = "/opt/dbfleet/venv"
_DEBUG_VERBOSITY = 3
# Where a package is imported by another name than it is installed by.
_IMPORT_NAMES = {"psycopg[binary]": "psycopg", "PyMySQL": "pymysql", "boto3": "botocore"}


class Module(t.Protocol):
    """The part of ``AnsibleModule`` that is used here."""

    params: dict[str, t.Any]
    check_mode: bool
    _diff: bool
    _verbosity: int

    def warn(self, warning: str) -> None: ...

    def exit_json(self, **kwargs: t.Any) -> t.NoReturn: ...

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn: ...


class Respawn(t.Protocol):
    """The part of ``ansible.module_utils.common.respawn`` that is used here."""

    def has_respawned(self) -> bool: ...

    def probe_interpreters_for_module(self, interpreter_paths: t.Sequence[str], module_name: str) -> str | None: ...

    def respawn_module(self, interpreter_path: str) -> t.NoReturn: ...


class Result(t.Protocol):
    """What a job of the engine returns; a job that can change something has a ``diff`` too."""

    def to_dict(self) -> dict[str, t.Any]: ...


def run_module(module: Module, respawn: Respawn, job: t.Callable[[Progress], Result], *, name: str = "") -> t.NoReturn:
    """Run ``job`` and exit with its result, or with its failure.

    :param name: ``backup``, ``restore`` ..., for what to say after an interrupt and for who looks at running jobs;
        empty for a job that nobody waits for.

    With a verbosity of three or more the engine's log is part of either. Where the module's Python lacks a package
    that the collection's own environment on the host has, the module starts again there: packages are looked for
    before a job changes anything.
    """
    collector = LineCollector()
    progress = Progress(*([RunningJobSink(name)] if name else []))
    try:
        with contextlib.ExitStack() as stack:
            if module._verbosity >= _DEBUG_VERBOSITY:
                stack.enter_context(debug_log(collector))
            stack.callback(progress.finish)
            stack.enter_context(job_boundary(name))
            result = job(progress)
    except DbfleetError as error:
        if isinstance(error, DriverMissingError):
            error = _respawned(module, respawn, error)
        module.fail_json(msg=str(error), error=error.details(), **_debug(module, collector))
    for warning in progress.warnings:
        module.warn(warning)
    diff = {"diff": result.diff} if module._diff and hasattr(result, "diff") else {}
    module.exit_json(**result.to_dict(), **diff, **_debug(module, collector))


def _debug(module: Module, collector: LineCollector) -> dict[str, t.Any]:
    return {"debug": collector.lines()} if module._verbosity >= _DEBUG_VERBOSITY else {}


def look_elsewhere_first(module: Module, respawn: Respawn, load: t.Callable[[], object]) -> None:
    """For a job that can do without its driver: start again where the collection's own environment has it.

    :param load: raises :class:`DriverMissingError` where this Python lacks it.
    """
    try:
        load()
    except DriverMissingError as error:
        _respawned(module, respawn, error)


def _respawned(module: Module, respawn: Respawn, error: DriverMissingError) -> DriverMissingError:
    """Start again in the collection's own environment; where that would not help, the error that says so."""
    package = str(error.context.get("package", ""))
    python = environment_python(module.params.get("python_environment"))
    if respawn.has_respawned():
        return error
    if respawn.probe_interpreters_for_module([python], _IMPORT_NAMES.get(package, package)):
        respawn.respawn_module(python)
    return DriverMissingError(
        f"{error.message} for {sys.executable}, nor is it in the collection's own environment ({python})",
        hint=error.hint,
        **error.context,
    )


def environment_python(environment: str | None) -> str:
    """The Python of the collection's own environment: of the folder given, else ``$DBFLEET_PYTHON``, else the usual."""
    if environment:
        return os.path.join(environment, "bin", "python")
    return os.environ.get("DBFLEET_PYTHON") or os.path.join(DEFAULT_ENVIRONMENT, "bin", "python")
