# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``ansible-test sanity``: every test on this Python, import and compile on each managed-host Python found.

ansible-test keeps its virtual environments in the home folder, and passes neither pip's nor a proxy's variables on.
It therefore gets a home of its own in the cache folder, which holds the pip stand-in and pip's present settings.

Usage: ``python -m tools.sanity [--this-python] [ARGUMENT…]``; arguments go to ansible-test, which then runs on this
Python alone (``--test validate-modules``).
"""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.servers.paths import cache_dir
from tools.collection_tree import exported_collection, tool_environment

TARGET_PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")
#: As the first argument: import and compile on no other Python than this one.
THIS_PYTHON = "--this-python"
# The versions of pip that ansible-test of ansible-core 2.19 and of 2.20 and later ask for.
PIP_VERSIONS = ("24_2", "25_2")
SETTINGS_FROM_ENVIRONMENT = {"proxy": ("https_proxy", "HTTPS_PROXY"), "cert": ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")}


def prepare_home(home: Path) -> None:
    """Fill ``home`` with what ansible-test looks for in a home folder."""
    downloads = home / ".ansible" / "test" / "cache"
    downloads.mkdir(parents=True, exist_ok=True)
    for version in PIP_VERSIONS:
        shutil.copyfile(Path(__file__).with_name("get_pip.py"), downloads / f"get_pip_{version}.py")
    settings = home / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True, exist_ok=True)
    # An index address may hold a password.
    with open(os.open(settings, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        pip_settings(os.environ).write(stream)


def pip_settings(environment: Mapping[str, str]) -> configparser.RawConfigParser:
    """The settings pip has here from all its files and variables, as one configuration file."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, stdout=subprocess.PIPE, encoding="utf-8"
    ).stdout
    settings = configparser.RawConfigParser()
    settings.add_section("global")
    for option, names in SETTINGS_FROM_ENVIRONMENT.items():
        for name in names:
            if environment.get(name):
                settings["global"].setdefault(option, environment[name])
    for section, option, value in re.findall(r"^(:env:|[\w-]+)\.([\w-]+)=(.*)$", listing, re.MULTILINE):
        section = "global" if section == ":env:" else section
        if not settings.has_section(section):
            settings.add_section(section)
        settings[section][option] = str(ast.literal_eval(value))
    return settings


def find_pythons(environment: Mapping[str, str]) -> dict[str, Path]:
    """The interpreter found for each Python version of a managed host, in the search path or under pyenv."""
    pyenv = Path(environment.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    found = {}
    for version in TARGET_PYTHONS:
        on_path = shutil.which(f"python{version}", path=environment["PATH"])
        candidates = [Path(on_path)] if on_path else []
        candidates += sorted(pyenv.glob(f"{version}.*/bin/python{version}"))
        interpreters = (real_interpreter(candidate) for candidate in candidates)
        usable = next((interpreter for interpreter in interpreters if interpreter), None)
        if usable:
            found[version] = usable
    return found


def real_interpreter(python: Path) -> Path | None:
    """The program behind ``python``, which may be a shim, or None when it does not run or cannot make environments."""
    probe = [str(python), "-c", "import ensurepip, sys, venv; print(sys.executable)"]
    done = subprocess.run(probe, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8")
    return Path(done.stdout.strip()) if done.returncode == 0 else None


def runs(own_version: str, pythons: Iterable[str], arguments: list[str]) -> Iterator[list[str]]:
    """The arguments of each run of ``ansible-test sanity``."""
    yield ["--python", own_version, *arguments]
    for version in pythons:
        if version != own_version:
            yield ["--python", version, "--test", "import", "--test", "compile"]


def main(arguments: list[str]) -> int:
    """Make every run, also after one that failed; return 1 if any did."""
    this_only = arguments[:1] == [THIS_PYTHON]
    arguments = arguments[this_only:]
    home = cache_dir() / "ansible-test"
    prepare_home(home)
    own_version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with exported_collection() as root:
        environment = tool_environment(root)
        pythons = find_pythons(environment)
        folders = dict.fromkeys(str(python.parent) for python in pythons.values())
        # The environment's own folder stays first: ansible-test itself and its ansible-core are there.
        environment["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), *folders, environment["PATH"]))
        environment["HOME"] = str(home)
        failed = []
        for words in runs(own_version, () if arguments or this_only else pythons, arguments):
            command = ["ansible-test", "sanity", *words]
            print(f"--- {' '.join(command)}", flush=True)
            if subprocess.run(command, cwd=root, env=environment, check=False).returncode:
                failed.append(" ".join(command))
    missing = [version for version in TARGET_PYTHONS if version not in pythons]
    if missing:
        print(f"import and compile not run with Python {', '.join(missing)}: not found on this machine")
    for command in failed:
        print(f"failed: {command}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
