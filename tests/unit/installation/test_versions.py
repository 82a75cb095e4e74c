# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of the installed versions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dbfleet.errors import InstallationError, LockedError
from dbfleet.installation.environment import RECORD
from dbfleet.installation.payload import digest_of, engine_files
from dbfleet.installation.versions import Versions

ENGINE = Path(__file__).resolve().parents[3] / "plugins" / "module_utils"
FIRST, SECOND, THIRD = (f"0.1.{number}-{number:012x}" for number in range(3))


def put(versions: Versions, name: str) -> None:
    partial = Path(versions.partial(name))
    partial.mkdir(parents=True)
    record = {"id": name, "version": "0", "digest": "", "python": "", "components": [], "drivers": [], "files": {}}
    (partial / RECORD).write_text(json.dumps(record))
    versions.put(name)


def test_versions_are_switched_and_remembered(tmp_path: Path) -> None:
    versions = Versions(str(tmp_path / "opt"), str(tmp_path / "bin" / "dbfleet"))
    assert versions.current() == ""
    for name in (FIRST, SECOND, FIRST, THIRD):
        if not Path(versions.folder(name)).exists():
            put(versions, name)
        versions.use(name)
    assert list(versions.installed()) == [SECOND, FIRST, THIRD]
    assert versions.current() == THIRD
    assert os.readlink(tmp_path / "bin" / "dbfleet") == str(tmp_path / "opt" / "current" / "bin" / "dbfleet")
    assert versions.wrong_links() == []


def test_what_is_put_again_takes_the_place(tmp_path: Path) -> None:
    versions = Versions(str(tmp_path), "")
    put(versions, FIRST)
    (tmp_path / FIRST / "stray").touch()
    put(versions, FIRST)
    assert not (tmp_path / FIRST / "stray").exists()
    assert sorted(os.listdir(tmp_path)) == [FIRST]


def test_what_is_not_whole_is_no_version(tmp_path: Path) -> None:
    versions = Versions(str(tmp_path), "")
    put(versions, FIRST)
    (tmp_path / SECOND).mkdir()
    (tmp_path / THIRD).mkdir()
    (tmp_path / THIRD / RECORD).write_text("{")
    os.rename(tmp_path / FIRST, tmp_path / f"{FIRST}.copy")
    assert list(versions.installed()) == []


def test_forgetting_leaves_what_is_somebody_else_s(tmp_path: Path) -> None:
    versions = Versions(str(tmp_path / "opt"), str(tmp_path / "dbfleet"))
    put(versions, FIRST)
    versions.use(FIRST)
    (tmp_path / "opt" / "notes.txt").touch()
    versions.forget()
    assert os.listdir(tmp_path) == ["opt"]
    assert os.listdir(tmp_path / "opt") == ["notes.txt"]


@pytest.mark.parametrize("foreign", ["file", "link"])
def test_a_command_of_somebody_else_is_not_replaced(foreign: str, tmp_path: Path) -> None:
    command = tmp_path / "dbfleet"
    if foreign == "file":
        command.write_text("#!/bin/sh\n")
    else:
        command.symlink_to("/somewhere/else/dbfleet")
    with pytest.raises(InstallationError, match="dbfleet"):
        Versions(str(tmp_path / "opt"), str(command)).wrong_links()


def test_two_runs_do_not_meet(tmp_path: Path) -> None:
    versions = Versions(str(tmp_path), "")
    with versions.locked(), pytest.raises(LockedError), Versions(str(tmp_path), "").locked():
        pass


def test_the_files_are_the_same_out_of_a_zip_file(tmp_path: Path) -> None:
    """As Ansible sends them."""
    archive = tmp_path / "payload.zip"
    prefix = "ansible_collections/dbfleet/backup/plugins/module_utils"
    with zipfile.ZipFile(archive, "w") as opened:
        for name in ("", *(f"/{part}" for part in ("installation", "streams"))):
            for path in ENGINE.joinpath(name.lstrip("/")).glob("*.py"):
                opened.write(path, f"{prefix}{name}/{path.name}")
        for above in Path(prefix).parents[:-1]:
            opened.writestr(f"{above}/__init__.py", "")
        opened.writestr("ansible_collections/dbfleet/backup/plugins/modules/x.py", "")
    code = f"""
import sys
sys.path.insert(0, {str(archive)!r})
from {prefix.replace("/", ".")}.installation.payload import engine_files, digest_of
files = engine_files()
assert all(name.endswith(".py") for name in files)
print(digest_of(files), len(files))
"""
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    part = {
        name: content for name, content in engine_files().items() if name.count("/") == 0 or name.split("/")[0] in (
            "installation", "streams"
        )
    }  # fmt: skip
    assert shown.split() == [digest_of(part), str(len(part))]


def test_the_digest_is_of_names_contents_and_settings() -> None:
    base = digest_of({"a.py": b"1"}, "python 3.11")
    assert base == digest_of({"a.py": b"1"}, "python 3.11")
    assert len({base, digest_of({"b.py": b"1"}, "python 3.11"), digest_of({"a.py": b"2"}, "python 3.11"),
                digest_of({"a.py": b"1"}, "python 3.12")}) == 4  # fmt: skip
