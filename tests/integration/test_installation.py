# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command is installed on this host by the module and by the role: for real, from a bundle."""

from __future__ import annotations

import grp
import json
import os
import pwd
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.playbooks import Playbooks
from tests.unit.test_architecture import imports_of
from tools.make_bundle import fetched, write_bundle

ENGINE = "dbfleet.backup.backup_engine"
# One that every user of the host may run, where it is of the same version.
PYTHON = next(
    (
        path
        for path in ("/usr/bin/python3", "/usr/local/bin/python3")
        if os.path.exists(path)
        and os.path.realpath(path).endswith(f"{sys.version_info.major}.{sys.version_info.minor}")
    ),
    "",
)
RELEASE = f"{sys.version_info.major}.{sys.version_info.minor}"
MACHINE = os.uname().machine
COMPONENTS = ["postgresql", "zstd"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "bundle.tar"
    write_bundle(path, fetched(COMPONENTS, [RELEASE], [MACHINE]), [RELEASE], [MACHINE])
    return path


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder into which every user may look, as a host's are; those that pytest makes are private."""
    with tempfile.TemporaryDirectory(prefix="dbfleet-installation-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def user() -> Iterator[str]:
    """The name of a system user to create: none where that is not allowed."""
    if os.geteuid():
        yield ""
        return
    name = f"dbf{secrets.token_hex(4)}"
    yield name
    subprocess.run(["userdel", name], check=False, stderr=subprocess.DEVNULL)
    subprocess.run(["groupdel", name], check=False, stderr=subprocess.DEVNULL)


def changes(output: str) -> list[str]:
    """The tasks of the role that said they changed something."""
    return [
        part.splitlines()[0].split("]")[0]
        for part in output.split("TASK [dbfleet.backup.install : ")[1:]
        if "\nchanged: " in part.split("\nTASK [")[0]
    ]


def is_refused(result: dict[str, Any], kind: str) -> bool:
    return bool(result["failed"]) and result["error"]["kind"] == kind and bool(result["error"]["hint"])


def path_of(packages: Path, module: str) -> str:
    """The file of a module below the folder of the packages."""
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (packages / path).is_dir() else f"{path}.py"


def test_the_role_installs_and_removes(playbooks: Playbooks, bundle: Path, user: str, open_folder: Path) -> None:
    command = open_folder / "bin" / "dbfleet"
    variables = {
        "install_drivers_from": "bundle",
        "install_bundle": str(bundle),
        "install_engines": ["postgresql"],
        "install_extras": ["zstd"],
        "install_root": str(open_folder / "opt"),
        "install_command": str(command),
        "install_config_folder": str(open_folder / "etc"),
        "install_state_folder": str(open_folder / "var"),
        "install_log_folder": str(open_folder / "log"),
        "install_user": user,
        "install_group": user or "unused",
        "install_python": PYTHON,
    }

    def role(name: str, *, check: bool = False, **more: Any) -> dict[str, Any]:
        return {
            "name": f"Step {name}",
            "ansible.builtin.include_role": {
                "name": "dbfleet.backup.install",
                "apply": {"check_mode": True} if check else {},
            },
            "vars": {**variables, **more},
        }

    # Whatever the umask is, the system user may run it.
    umask = os.umask(0o077)
    try:
        steps = [role("check", check=True), role("install"), role("again")]
        played = playbooks.play(pre_tasks=steps, options=["--diff"])
    finally:
        os.umask(umask)
    _start, check, install, again = played.output.split("TASK [Step ")
    assert "Install the command" in changes(check)
    assert {"Install the command", "Create the folders", "Copy the bundle"} <= set(changes(install))
    assert changes(again) == []
    assert not (open_folder / "opt" / "bundle.tar").exists()
    if user:
        entry = pwd.getpwnam(user)
        assert entry.pw_gid == grp.getgrnam(user).gr_gid
        assert (open_folder / "var").stat().st_uid == entry.pw_uid
        assert ((open_folder / "etc").stat().st_uid, (open_folder / "etc").stat().st_gid) == (0, entry.pw_gid)
    assert {(open_folder / name).stat().st_mode & 0o777 for name in ("etc", "var", "log")} == {0o750}
    shown = subprocess.run(
        [command, "--version"],
        check=True,
        capture_output=True,
        text=True,
        **({"user": user, "cwd": "/"} if user else {}),
    )
    assert shown.stdout.startswith("dbfleet ")
    every_file_is_there = (
        "import dbfleet, pathlib; print(len(list(pathlib.Path(dbfleet.__file__).parent.rglob('*.py'))))"
    )
    python = open_folder / "opt" / "venv" / "bin" / "python"
    count = int(subprocess.run([python, "-I", "-c", every_file_is_there], check=True, capture_output=True).stdout)
    assert count > 400

    played = playbooks.play(pre_tasks=[role("remove", install_state="absent", install_remove_data=True)])
    assert "Remove the command" in changes(played.output)
    assert [path.name for path in open_folder.iterdir()] == ["bin"]
    assert not command.is_symlink()


def test_versions_are_switched_kept_repaired_and_refused(playbooks: Playbooks, bundle: Path, tmp_path: Path) -> None:
    root, command = tmp_path / "opt", tmp_path / "dbfleet"
    base = {
        "root": str(root),
        "command": str(command),
        "drivers_from": "bundle",
        "bundle": str(bundle),
        "components": ["zstd"],
        "keep": 2,
    }

    def engine(**changed: Any) -> dict[str, Any]:
        return {ENGINE: {**base, **changed}}

    played = playbooks.play(
        engine(),
        engine(components=["postgresql"]),
        engine(components=["postgresql"], state="rolled_back"),
        engine(components=["postgresql"], state="rolled_back"),
        {"ansible.builtin.shell": f"printf x >> {root}/current/lib/python{RELEASE}/site-packages/dbfleet/errors.py"},
        {**engine(), "check_mode": True},
        engine(keep=1),
        engine(keep=1),
        engine(components=["lz4"]),
        {"ansible.builtin.command": f"{command} --version"},
    )
    first, second, back, again, _damage, found, repaired, same, missing, runs = played.results
    assert first["changed"]
    assert first["pending"]
    assert second["changed"]
    assert second["previous"] == first["id"]
    assert back["changed"]
    assert back["id"] == first["id"]
    assert not again["changed"]
    assert again["id"] == first["id"]
    assert found["pending"]
    assert repaired["pending"]
    assert repaired["id"] == first["id"]
    assert repaired["removed"] == [second["id"]]
    assert repaired["installed"] == [first["id"]]
    assert not same["changed"]
    assert is_refused(missing, "not_found")
    assert missing["error"]["context"]["missing"][0].startswith("lz4-")
    assert runs["stdout"].startswith("dbfleet ")
    assert os.readlink(root / "current") == first["id"]
    assert not list(root.glob(".partial*"))
    record = json.loads((root / "current" / "installation.json").read_text())
    assert record["components"] == ["zstd"]


def test_what_is_in_the_way_stays(playbooks: Playbooks, bundle: Path, tmp_path: Path) -> None:
    root, command = tmp_path / "opt", tmp_path / "dbfleet"
    command.write_text("somebody's own\n")
    damaged = tmp_path / "damaged.tar"
    content = bytearray(bundle.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    base = {"root": str(root), "command": str(command), "drivers_from": "bundle", "bundle": str(bundle)}
    base["components"] = COMPONENTS
    played = playbooks.play(
        {ENGINE: base},
        {ENGINE: {**base, "command": "", "bundle": str(damaged)}},
        {ENGINE: {**base, "command": "", "bundle": str(tmp_path / "nowhere.tar")}},
        {ENGINE: {**base, "command": "", "python": "/bin/false"}},
        {ENGINE: {**base, "command": "", "state": "rolled_back"}},
        {ENGINE: {**base, "state": "absent"}},
    )
    taken, corrupt, nowhere, no_python, nothing_before, absent = played.results
    assert is_refused(taken, "installation")
    assert is_refused(corrupt, "corrupt")
    assert is_refused(nowhere, "not_found")
    assert is_refused(no_python, "usage")
    assert is_refused(nothing_before, "installation")
    assert not absent["failed"]
    assert command.read_text() == "somebody's own\n"
    assert not root.exists()


def test_the_drivers_of_the_distribution_and_the_whole_engine(playbooks: Playbooks, tmp_path: Path) -> None:
    python = PYTHON or sys.executable
    modules = {"encryption": "cryptography", "zstd": "zstandard", "lz4": "lz4", "s3": "botocore"}
    probe = "import importlib.util, sys; print(*(n for n in sys.argv[1:] if importlib.util.find_spec(n)))"
    shown = subprocess.run([python, "-I", "-c", probe, *modules.values()], check=True, capture_output=True, text=True)
    lacking = [component for component, module in modules.items() if module not in shown.stdout.split()]
    base = {"root": str(tmp_path / "opt"), "command": "", "drivers_from": "distribution", "python": python}
    played = playbooks.play(
        {ENGINE: {**base, "components": []}},
        {ENGINE: {**base, "components": lacking}},
        {ENGINE: {**base, "components": []}},
    )
    made, refused, same = played.results
    assert made["changed"]
    assert made["drivers"] == []
    if lacking:
        assert is_refused(refused, "installation")
        assert len(refused["error"]["context"]["missing"]) == len(lacking)
    assert same["id"] == made["id"]
    assert not same["changed"]
    # Whatever the command imports is there, at whatever moment it does.
    packages = tmp_path / "opt" / "current" / "lib" / f"python{RELEASE}" / "site-packages"
    parts = [path.relative_to(packages).with_suffix("").parts for path in packages.glob("dbfleet/**/*.py")]
    installed = {".".join(part[:-1] if part[-1] == "__init__" else part) for part in parts}
    assert "dbfleet.cli.start" in installed
    missing = {
        f"{name} imports {found.module}"
        for name in installed
        for found in imports_of((packages / path_of(packages, name)).read_text(), name, name)
        if found.relative and found.module not in installed
    }
    assert not missing
