# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module that takes long, run in the background of its host while the controller shows how far it is.

The task looks as one without it does: same result, same check mode, same errors. What is gained are a line now and then
for each host, and a run that a lost connection does not end.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import posixpath
import secrets
import shlex
import time
import typing as t

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.utils.display import Display
from ansible.utils.vars import merge_hash

from ..module_utils.cli.terminal import state_text
from ..module_utils.running_jobs import PROGRESS_FILE_VARIABLE, RunningProgress, parse_running

INTERVAL_VARIABLE = "dbfleet_progress_interval"
_DEFAULT_INTERVAL = 15.0
_FIRST_PAUSE = 0.3
_LONGEST_PAUSE = 10.0
#: Nothing of ours takes longer; Ansible wants a limit.
_MOST_SECONDS = 60 * 86400
#: What a job has to clean up in when nobody waits for it any more.
_GRACE = 60
#: How long to look for a host that cannot be reached any more.
_PATIENCE = 900.0
#: A process that has ended needs a moment until its result is there.
_LOOKS_AFTER_THE_END = 5
#: A job's file is shorter as long as the job runs.
_SHORT = 400
_OF_ASYNC = ("ansible_job_id", "finished", "results_file", "started", "stderr", "stderr_lines")


@dataclasses.dataclass(frozen=True)
class _Job:
    """A module that runs in the background.

    :param result_file: where Ansible's wrapper keeps its result, on the host; ``progress_file`` is the module's own.
    """

    id: str
    folder: str
    result_file: str
    progress_file: str


@dataclasses.dataclass(frozen=True)
class _Look:
    """What was seen of a job.

    :param ended: its result is there.
    :param boot: which boot of the host it was; empty where the host does not tell.
    :param alive: whether the process that was asked for is there.
    """

    ended: bool
    progress: RunningProgress | None
    boot: str
    alive: bool


class LiveProgressAction(NormalAction):
    """The action of a module that takes long."""

    _display = Display()

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        variables = task_vars or {}
        interval = self._interval(variables)
        if not interval or not self._can_be_watched():
            return super().run(tmp, task_vars)
        # Not the ordinary action's: that one would run the module.
        result = ActionBase.run(self, tmp, task_vars)
        watched = self._run_and_watch(variables, interval)
        return super().run(tmp, task_vars) if watched is None else merge_hash(result, watched)

    def _interval(self, variables: dict[str, t.Any]) -> float:
        value = self._templar.template(variables.get(INTERVAL_VARIABLE, _DEFAULT_INTERVAL))
        try:
            interval = float(value)
        except (TypeError, ValueError):
            interval = -1.0
        if not 0 <= interval < _MOST_SECONDS:
            raise AnsibleActionFail(
                f"{INTERVAL_VARIABLE} must be a number of seconds, 0 for no progress, and is {value!r}"
            )
        return interval

    def _can_be_watched(self) -> bool:
        task, connection = self._task, self._connection
        if task.check_mode or task.async_val or connection.has_native_async or connection.always_pipeline_modules:
            return False
        # A file for an unprivileged user to become can need privileges that pipelining does without.
        return not (connection.is_pipelining_enabled(False) and self._is_become_unprivileged())

    def _run_and_watch(self, variables: dict[str, t.Any], interval: float) -> dict[str, t.Any] | None:
        """The module's result; ``None`` where it cannot run in the background, and was not begun."""
        expected = self._job_folder()
        progress_file = self._connection._shell.join_path(expected, f"dbfleet-{secrets.token_hex(8)}.progress")
        started = self._start(variables, progress_file)
        identity = started.get("ansible_job_id")
        if not identity:
            # It was never begun, so nothing was changed. A user without a home has no folder for jobs.
            has_no_folder = str(started.get("msg", "")).startswith("could not create directory")
            return None if has_no_folder else {**started, "changed": False}
        # The wrapper knows where it keeps the result, whatever the task's environment calls home.
        result_file = str(started.get("results_file") or self._connection._shell.join_path(expected, identity))
        job = _Job(identity, posixpath.dirname(result_file), result_file, progress_file)
        try:
            self._watch(job, interval)
            result = self._result(job, variables)
        except AnsibleConnectionFailure as error:
            raise AnsibleConnectionFailure(
                f"{error.message}; the job goes on there without being watched, and will leave its result in "
                f"{job.result_file}"
            ) from error
        self._low_level_execute_command(f"rm -f {shlex.quote(job.result_file)} {shlex.quote(job.progress_file)}")
        return result

    def _job_folder(self) -> str:
        """Where the host's user has results of background jobs.

        Ansible's own expansion asks the host's list of users where home is; the wrapper asks its environment, and in a
        service or a test that can be another place.
        """
        folder = str(self.get_shell_option("async_dir", default="~/.ansible_async"))
        if not folder.startswith("~/"):
            return str(self._remote_expand_user(folder))
        told = self._low_level_execute_command("echo ~")["stdout"].strip().splitlines()
        home = told[-1] if told else ""
        return f"{home.rstrip('/')}{folder[1:]}" if home.startswith("/") else str(self._remote_expand_user(folder))

    def _start(self, variables: dict[str, t.Any], progress_file: str) -> dict[str, t.Any]:
        shell = self._connection._shell
        if shell.tmpdir is None:
            self._make_tmp_path()
        folder = shell.tmpdir
        environment = self._task.environment
        environment.append({PROGRESS_FILE_VARIABLE: progress_file})
        # What a task's own limit has ended here shall not go on there.
        self._task.async_val = self._task.timeout + _GRACE if self._task.timeout else _MOST_SECONDS
        try:
            started = self._execute_module(task_vars=variables, wrap_async=True)
        finally:
            self._task.async_val = 0
            environment.pop()
        if not started.get("ansible_job_id"):
            # Nobody else would: Ansible leaves it to the job, and there is none.
            self._remove_tmp_path(folder)
        return started

    def _watch(self, job: _Job, interval: float) -> None:
        """Wait for the job's end, and show how far it is every ``interval`` seconds."""
        pause, shown, missed = _FIRST_PAUSE, time.monotonic(), 0
        progress: RunningProgress | None = None
        boot = ""
        try:
            while True:
                time.sleep(pause)
                pause = min(pause * 1.5, interval, _LONGEST_PAUSE)
                look = self._patient_look(job, progress)
                if look.ended:
                    return
                missed = 0 if look.alive or progress is None else missed + 1
                if missed >= _LOOKS_AFTER_THE_END or (boot and look.boot and boot != look.boot):
                    raise AnsibleActionFail(
                        "the job's process is gone and has left no result; was the host restarted, or the process "
                        "killed? What an incomplete backup has left behind, the next one removes."
                    )
                boot, progress = look.boot or boot, look.progress or progress
                if time.monotonic() - shown >= interval:
                    shown = time.monotonic()
                    self._show(look.progress)
        except BaseException as error:
            if not isinstance(error, Exception):
                # The task's time is over, or the user has interrupted the play.
                self._stop(job, progress)
            raise

    def _patient_look(self, job: _Job, progress: RunningProgress | None) -> _Look:
        lost_at = 0.0
        while True:
            try:
                look = self._look(job, progress)
                if lost_at:
                    self._say("the host is back")
                return look
            except AnsibleConnectionFailure:
                now = time.monotonic()
                if not lost_at:
                    lost_at = now
                    self._say("the connection is lost; the job goes on there, looking for it again")
                if now - lost_at > _PATIENCE:
                    raise
                with contextlib.suppress(AttributeError, AnsibleConnectionFailure):
                    self._connection.reset()
                time.sleep(min(_LONGEST_PAUSE, 1 + now - lost_at))

    def _look(self, job: _Job, progress: RunningProgress | None) -> _Look:
        """Ask the host with one small command, whatever the size of the result will be."""
        line = f"=={secrets.token_hex(8)}"
        pid = progress.pid if progress is not None else 0
        parts = [
            f"head -c {_SHORT} {shlex.quote(job.result_file)} 2>/dev/null",
            f"head -c 65536 {shlex.quote(job.progress_file)} 2>/dev/null",
            "cat /proc/sys/kernel/random/boot_id 2>/dev/null",
            f"kill -0 {pid} 2>/dev/null && echo alive" if pid else "echo alive",
        ]
        command = f"echo; echo {line}; ".join(f"{part}; " for part in parts)
        answer = self._low_level_execute_command(f"{command} true")
        found = [part.strip() for part in answer["stdout"].split(line)]
        if len(found) != len(parts):
            raise AnsibleConnectionFailure(f"the host does not answer as it should: {answer['stderr']}")
        return _Look(_has_ended(found[0]), parse_running(found[1]), found[2], found[3].startswith("alive"))

    def _result(self, job: _Job, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        result = self._execute_module(
            module_name="ansible.legacy.async_status",
            module_args={"jid": job.id, "mode": "status", "_async_dir": job.folder},
            task_vars=variables,
        )
        if result.get("failed") and "cmd" in result:
            return {
                "failed": True,
                "changed": False,
                "msg": "the module ended without a result; was it killed, perhaps for want of memory?",
                "module_stderr": result.get("stderr", ""),
                "module_stdout": result.get("data") or result.get("outdata", ""),
            }
        return {key: value for key, value in result.items() if key not in _OF_ASYNC}

    def _stop(self, job: _Job, progress: RunningProgress | None) -> None:
        progress = self._look(job, progress).progress or progress
        if progress is None:
            self._say("nobody waits for the job any more, but it goes on")
            return
        self._low_level_execute_command(f"kill -TERM {progress.pid}")
        self._say("the job was told to stop")

    def _show(self, progress: RunningProgress | None) -> None:
        if progress is None:
            return
        if self._task.no_log:
            # A name of a table is not for everybody then.
            progress = dataclasses.replace(progress, item="")
        percent = f"{progress.percent:.0f} % " if progress.percent is not None else ""
        self._say(percent + state_text(progress.state, now=progress.seconds))

    def _say(self, text: str) -> None:
        host = self._task_host()
        self._display.display(f"{host}: {self._task.action.rpartition('.')[2]}: {text}")

    def _task_host(self) -> str:
        return str(self._templar.available_variables.get("inventory_hostname", "")) or "host"


def _has_ended(text: str) -> bool:
    """Whether the beginning of a job's file belongs to a result."""
    if not text:
        return False
    try:
        found = json.loads(text)
    except ValueError:
        # It is longer than what was read. Nobody ever sees a part of it: it is renamed into its place.
        return True
    return isinstance(found, dict) and not ("started" in found and not found.get("finished"))
