# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import pytest

from dbfleet.errors import DriverMissingError, NotFoundError
from dbfleet.module_entry import environment_python, look_elsewhere_first, run_module
from dbfleet.progress import Progress


class Exited(Exception):
    def __init__(self, **result: Any) -> None:
        super().__init__(result)
        self.result = result


class DummyModule:
    def __init__(self, *, verbosity: int = 0, diff: bool = False, **params: Any) -> None:
        self.params = params
        self.check_mode = False
        self._diff = diff
        self._verbosity = verbosity
        self.warnings: list[str] = []

    def warn(self, warning: str) -> None:
        self.warnings.append(warning)

    def exit_json(self, **kwargs: Any) -> NoReturn:
        raise Exited(**kwargs)

    def fail_json(self, msg: str, **kwargs: Any) -> NoReturn:
        raise Exited(failed=True, msg=msg, **kwargs)


class DummyRespawn:
    def __init__(self, *, pythons: Sequence[str] = (), respawned: bool = False) -> None:
        self._pythons = pythons
        self._respawned = respawned
        self.probed: list[tuple[Sequence[str], str]] = []

    def has_respawned(self) -> bool:
        return self._respawned

    def probe_interpreters_for_module(self, interpreter_paths: Sequence[str], module_name: str) -> str | None:
        self.probed.append((interpreter_paths, module_name))
        return next((path for path in interpreter_paths if path in self._pythons), None)

    def respawn_module(self, interpreter_path: str) -> NoReturn:
        raise Exited(respawned=interpreter_path)


class Result:
    diff = {"before": "a\n", "after": "b\n"}  # noqa: RUF012

    def to_dict(self) -> dict[str, Any]:
        return {"changed": True, "backup": {"id": "x"}}


def succeed(progress: Progress) -> Result:
    progress.warn("odd")
    logging.getLogger("dbfleet.test").debug("decided")
    return Result()


def fail(_progress: Progress) -> Result:
    logging.getLogger("dbfleet.test").debug("decided")
    raise NotFoundError("no database 'x'", hint="check the name", database="x")


def lack_driver(_progress: Progress) -> Result:
    raise DriverMissingError("PyMySQL is not installed", hint="install it", package="PyMySQL")


def outcome(module: DummyModule, job: Any, respawn: DummyRespawn | None = None) -> dict[str, Any]:
    with pytest.raises(Exited) as caught:
        run_module(module, respawn or DummyRespawn(), job)
    return caught.value.result


def test_result_and_warnings() -> None:
    module = DummyModule()
    assert outcome(module, succeed) == {"changed": True, "backup": {"id": "x"}}
    assert module.warnings == ["odd"]


def test_diff_where_asked_for() -> None:
    assert outcome(DummyModule(diff=True), succeed)["diff"] == Result.diff


@pytest.mark.parametrize("job", [succeed, fail])
def test_the_log_with_verbosity(job: Any) -> None:
    (line,) = outcome(DummyModule(verbosity=3), job)["debug"]
    assert line.endswith("dbfleet.test: decided")
    assert "debug" not in outcome(DummyModule(verbosity=2), job)


def test_failure() -> None:
    assert outcome(DummyModule(), fail) == {
        "failed": True,
        "msg": "no database 'x' (check the name)",
        "error": {
            "kind": "not_found",
            "message": "no database 'x'",
            "hint": "check the name",
            "context": {"database": "x"},
        },
    }


def test_respawn_where_the_package_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBFLEET_PYTHON", "/opt/other/bin/python")
    respawn = DummyRespawn(pythons=["/opt/other/bin/python", "/srv/venv/bin/python"])
    assert outcome(DummyModule(), lack_driver, respawn) == {"respawned": "/opt/other/bin/python"}
    assert respawn.probed == [(["/opt/other/bin/python"], "pymysql")]
    module = DummyModule(python_environment="/srv/venv")
    assert outcome(module, lack_driver, respawn) == {"respawned": "/srv/venv/bin/python"}


@pytest.mark.parametrize(
    "respawn", [DummyRespawn(), DummyRespawn(pythons=["/opt/dbfleet/venv/bin/python"], respawned=True)]
)
def test_no_respawn_where_it_would_not_help(respawn: DummyRespawn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBFLEET_PYTHON", raising=False)
    result = outcome(DummyModule(), lack_driver, respawn)
    assert result["failed"]
    assert result["error"]["kind"] == "driver_missing"
    assert result["error"]["context"]["package"] == "PyMySQL"
    assert "PyMySQL is not installed" in result["msg"]
    if not respawn.has_respawned():
        assert sys.executable in result["msg"]
        assert "/opt/dbfleet/venv/bin/python" in result["msg"]


def test_a_job_that_can_do_without_its_driver_looks_elsewhere_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBFLEET_PYTHON", "/opt/other/bin/python")

    def lacking() -> None:
        raise DriverMissingError("PyMySQL is not installed", package="PyMySQL")

    with pytest.raises(Exited) as caught:
        look_elsewhere_first(DummyModule(), DummyRespawn(pythons=["/opt/other/bin/python"]), lacking)
    assert caught.value.result == {"respawned": "/opt/other/bin/python"}
    # It goes on here where it is here, where nobody has it, and where it has been looked for.
    look_elsewhere_first(DummyModule(), DummyRespawn(pythons=["/opt/other/bin/python"]), lambda: None)
    look_elsewhere_first(DummyModule(), DummyRespawn(), lacking)
    look_elsewhere_first(DummyModule(), DummyRespawn(pythons=["/opt/other/bin/python"], respawned=True), lacking)


def test_the_usual_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBFLEET_PYTHON", raising=False)
    assert environment_python(None) == "/opt/dbfleet/venv/bin/python"
