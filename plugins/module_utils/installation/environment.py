# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""One installed version: a virtual environment with the engine and the drivers, made without an installer.

Everything that was written is in its record with a digest, so that a later look tells whether it still is what was
installed. Nothing in it knows the folder in which it was made.
"""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import json
import os
import shutil
import typing as t

from ..errors import CorruptArtifactError, InstallationError
from ..lazy_dataclass import dataclass
from ..streams.file import storage_error
from .python_host import HostPython, Run
from .wheels import Wheel, wheel_members

RECORD = "installation.json"
PACKAGE = "dbfleet"
_FILE_MODE, _FOLDER_MODE, _PROGRAM_MODE = 0o644, 0o755, 0o755
_ERROR_LENGTH = 600
# A kernel reads no more than this much of a script's first line, so the line names a shell and the shell the Python.
_COMMAND = """\
#!/bin/sh
'''exec' "{python}" -I "$0" "$@"
' '''
from __future__ import annotations

import sys

from dbfleet.cli.start import main

sys.exit(main())
"""
# What each component stands for is asked of the engine, which knows the least version of each driver.
_TRY = """
import json, sys
import dbfleet.cli.main
from dbfleet import drivers
from dbfleet.errors import DbfleetError
asked = {
    "postgresql": (drivers.psycopg,), "mysql": (drivers.pymysql, drivers.cryptography_x25519),
    "encryption": (drivers.cryptography_x25519,), "zstd": (drivers.zstandard,), "lz4": (drivers.lz4_frame,),
    "isal": (drivers.isal_zlib,), "numpy": (drivers.numpy,), "s3": (drivers.botocore,), "rich": (drivers.rich_console,),
}
missing = []
for component in sys.argv[1:]:
    try:
        if any(driver() is None for driver in asked[component]):
            missing.append(component + ": its Python package is not installed")
    except DbfleetError as error:
        missing.append(component + ": " + error.message)
print(json.dumps(missing))
"""


@dataclass(frozen=True)
class Installed:
    """The record of an installed version.

    :param id: the version and the beginning of the digest, the name of its folder.
    :param digest: of all that makes it what it is.
    :param files: the SHA-256 of each file that was written, by its path below the folder.
    """

    id: str
    version: str
    digest: str
    python: str
    components: tuple[str, ...]
    drivers: tuple[str, ...]
    files: t.Mapping[str, str]


def read_record(folder: str) -> Installed | None:
    """The record of an installed version; ``None`` where there is none that can be read."""
    try:
        with open(os.path.join(folder, RECORD), encoding="utf-8") as stream:
            data = json.load(stream)
        return Installed(
            id=data["id"],
            version=data["version"],
            digest=data["digest"],
            python=data["python"],
            components=tuple(data["components"]),
            drivers=tuple(data["drivers"]),
            files=data["files"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        # Whatever is not whole is made again.
        return None


def is_whole(folder: str, record: Installed) -> bool:
    """Whether every file of an installed version is what was written, and its Python still runs from where it did."""
    if not os.path.exists(os.path.join(folder, "bin", "python")):
        return False
    for path, digest in record.files.items():
        try:
            with open(os.path.join(folder, path), "rb") as stream:
                if hashlib.sha256(stream.read()).hexdigest() != digest:
                    return False
        except OSError:
            return False
    return True


def make_environment(
    folder: str,
    record: Installed,
    *,
    final: str,
    python: HostPython,
    run: Run,
    engine: t.Mapping[str, bytes],
    wheels: t.Sequence[tuple[Wheel, str]],
    system_packages: bool,
) -> None:
    """Make an installed version in ``folder``, which does not exist yet.

    :param record: without the files, which are added here.
    :param final: the path that the folder will have.
    :param wheels: each with the path of its file.
    :param system_packages: the drivers are the distribution's packages.
    :raises InstallationError: the Python cannot make an environment, or a driver is missing in it or too old.
    """
    words = [python.executable, "-m", "venv", "--without-pip"]
    _must(run, [*words, *(["--system-site-packages"] if system_packages else []), folder], "make an environment")
    _remove_activation(folder)
    packages = _packages_folder(folder)
    files: dict[str, str] = {}
    try:
        for path, content in engine.items():
            _write(folder, os.path.join(packages, PACKAGE, path), content, files)
        for _wheel, source in wheels:
            for path, content in wheel_members(source):
                _write(folder, os.path.join(packages, path), content, files)
        command = os.path.join("bin", PACKAGE)
        text = _COMMAND.format(python=os.path.join(final, "bin", "python"))
        _write(folder, command, text.encode(), files, mode=_PROGRAM_MODE)
    except OSError as error:
        raise storage_error("write", folder, error) from error
    _compile(folder, packages, run)
    _open_to_all(folder)
    _try(folder, record.components, run)
    _write_record(folder, dataclasses.replace(record, files=files))


def _must(run: Run, words: t.Sequence[str], what: str) -> str:
    code, output, errors = run(words, {})
    if code:
        raise InstallationError(
            f"{words[0]} could not {what}: {(errors or output).strip()[-_ERROR_LENGTH:]}",
            hint="check that Python; Debian and Ubuntu have parts of it in packages of their own",
        )
    return output


def _remove_activation(folder: str) -> None:
    """Remove what ``venv`` writes for people who work in an environment: it names a folder that is renamed."""
    for path in glob.glob(os.path.join(folder, "bin", "[Aa]ctivate*")):
        os.unlink(path)


def _packages_folder(folder: str) -> str:
    """The folder of the packages, below the environment's own."""
    found = glob.glob(os.path.join(folder, "lib", "python3.*", "site-packages"))
    if len(found) != 1:
        raise InstallationError(f"the environment in {folder} has no folder for packages")
    return os.path.relpath(found[0], folder)


def _write(folder: str, path: str, content: bytes, files: dict[str, str], mode: int = _FILE_MODE) -> None:
    target = os.path.join(folder, path)
    if path in files:
        raise CorruptArtifactError(f"two wheels hold the file {path}", hint="report it: they were not chosen well")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as stream:
        stream.write(content)
    os.chmod(target, mode)
    files[path] = hashlib.sha256(content).hexdigest()


def _compile(folder: str, packages: str, run: Run) -> None:
    """Compile once what a user who may not write here would have to compile each time."""
    words = [os.path.join(folder, "bin", "python"), "-I", "-m", "compileall", "-q"]
    words += ["--invalidation-mode", "unchecked-hash", "-x", r"/tests?/", os.path.join(folder, packages)]
    _must(run, words, "compile the engine and the drivers")


def _open_to_all(folder: str) -> None:
    """Let everybody read what other programs wrote, whatever the umask is."""
    for above, _names, found in os.walk(folder):
        os.chmod(above, _FOLDER_MODE)
        for name in found:
            if name.endswith(".pyc") or name == "pyvenv.cfg":
                os.chmod(os.path.join(above, name), _FILE_MODE)


def _try(folder: str, components: t.Sequence[str], run: Run) -> None:
    words = [os.path.join(folder, "bin", "python"), "-I", "-c", _TRY, *components]
    missing = json.loads(_must(run, words, "run the engine").strip().splitlines()[-1])
    if missing:
        raise InstallationError(
            f"drivers are missing: {'; '.join(missing)}",
            hint="install the distribution's packages, or take the drivers from an index or a bundle",
            missing=missing,
        )


def _write_record(folder: str, record: Installed) -> None:
    path = os.path.join(folder, RECORD)
    try:
        with open(path, "w", encoding="utf-8") as stream:
            json.dump(dataclasses.asdict(record), stream, indent=1, sort_keys=True)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(path, _FILE_MODE)
    except OSError as error:
        raise storage_error("write", path, error) from error


def remove_environment(folder: str) -> None:
    """Remove a version's folder, whole or not.

    :raises StorageError: it cannot be removed.
    """
    try:
        if os.path.isdir(folder) and not os.path.islink(folder):
            shutil.rmtree(folder)
    except OSError as error:
        raise storage_error("remove", folder, error) from error
