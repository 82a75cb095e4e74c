# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds from the packages of any Debian suite, without touching the apt of the machine.

apt runs with its whole state in our cache and an empty list of installed packages, so it fetches the closure of
the wanted packages including their libc. Unpacked into one prefix and with the programs pointed at the prefix's own
loader and libraries, they run on any x86_64 Linux.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from . import paths
from .errors import CommandFailed, ServerUnavailable
from .process import run
from .registry import Build, DebianPackages

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LIBRARIES = "usr/lib/x86_64-linux-gnu"
# The last part is a day, on a mirror that keeps every one.
_DEBIAN_ADDRESS = re.compile(r"https?://\S+/debian(/\d{8}T\d{6}Z)?/?")
_LISTS_FRESH_SECONDS = 3600
# Needed by maintainer scripts and Perl helpers only; most of the unpacked size.
_NOT_UNPACKED = ("perl", "libperl", "libgdbm", "dpkg_", "tar_", "debianutils_", "debconf_", "mysql-common_")
_NOT_EXTRACTED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/lintian", "usr/share/info")


def mirror() -> str | None:
    """The Debian mirror of this machine, from ``$DBFLEET_DEBIAN_MIRROR`` or the apt sources; None if there is none."""
    chosen = os.environ.get("DBFLEET_DEBIAN_MIRROR")
    if chosen:
        return chosen
    folder = Path("/etc/apt/sources.list.d")
    files = [Path("/etc/apt/sources.list"), *sorted(folder.glob("*.list")), *sorted(folder.glob("*.sources"))]
    return mirror_in([path.read_text() for path in files if path.is_file()])


def mirror_in(texts: Sequence[str]) -> str | None:
    """The Debian mirror among apt sources in the one-line or the stanza format.

    Other projects publish packages for Debian at addresses and with suites of the same form; only Debian itself has
    a suite for updates, so that an address with one comes first.
    """
    found: list[tuple[str, str]] = []
    for text in texts:
        lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
        for options_and_rest in re.findall(r"^deb\s+(.*)$", lines, re.MULTILINE):
            address, *suites = re.sub(r"^\[.*?\]\s*", "", options_and_rest).split()
            found += [(address, suite) for suite in suites[:1]]
        for stanza in re.split(r"\n\s*\n", lines):
            fields = dict(re.findall(r"^(URIs|Suites):\s*(.*)$", stanza, re.MULTILINE))
            suites = fields.get("Suites", "").split()
            found += [(address, suite) for address in fields.get("URIs", "").split() for suite in suites]
    serving = [(address, suite) for address, suite in found if _DEBIAN_ADDRESS.fullmatch(address)]
    serving.sort(key=lambda pair: not pair[1].endswith("-updates"))
    return serving[0][0] if serving else None


def fetch(build: Build, source: DebianPackages, target: Path, scratch: Path) -> None:
    """Download ``source`` with its dependencies and unpack everything to ``target``."""
    _require(build.name, "apt-get", "dpkg-deb", "tar")
    debs = scratch / "debs"
    (debs / "partial").mkdir(parents=True)
    with paths.locked(f"apt-{source.suite}"):
        options = _apt(build.name, source.suite)
        install = ["apt-get", *options, "-o", f"Dir::Cache::archives={debs}", "-y", "-qq", "-d", "install"]
        _apt_run(build.name, [*install, *source.packages])
    _prepare_prefix(target)
    for deb in sorted(debs.glob("*.deb")):
        if not deb.name.startswith(_NOT_UNPACKED):
            _unpack(deb, target)
    _relativise_links(target)


def fetch_libraries(build: Build, target: Path, scratch: Path) -> None:
    """Put single shared libraries of Debian packages into the folder ``lib`` of a build from elsewhere."""
    _require(build.name, "apt-get", "dpkg-deb", "tar")
    unpacked = scratch / "libraries"
    unpacked.mkdir()
    with paths.locked("apt-bookworm"):
        command = ["apt-get", *_apt(build.name, "bookworm"), "-qq", "download"]
        _apt_run(build.name, [*command, *build.libraries], cwd=scratch)
    (target / "lib").mkdir(exist_ok=True)
    for deb in scratch.glob("*.deb"):
        _unpack(deb, unpacked)
    for library in build.libraries.values():
        (found,) = unpacked.rglob(library)
        shutil.copyfile(found, target / "lib" / library)


def _require(name: str, *programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            raise ServerUnavailable(name, f"it comes from Debian packages, and the program {program} is not installed")


def _apt(name: str, suite: str) -> list[str]:
    """The options that keep apt inside our cache, with lists of ``suite`` at most an hour old."""
    address = mirror()
    if address is None:
        hint = "set DBFLEET_DEBIAN_MIRROR to the address of one"
        raise ServerUnavailable(name, f"it comes from Debian, and no apt source here names a Debian mirror; {hint}")
    if not KEYRING.exists():
        raise ServerUnavailable(name, f"it comes from Debian, and {KEYRING} is missing: install debian-archive-keyring")
    root = paths.apt_dir(suite)
    for folder in ("state", "lists/partial", "cache/archives/partial"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "status").touch()
    (root / "sources.list").write_text(f"deb [signed-by={KEYRING}] {address} {suite} main\n")
    settings = {
        "Dir::State": root / "state",
        "Dir::State::lists": root / "lists",
        "Dir::State::status": root / "status",
        "Dir::Etc::sourcelist": root / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::Cache": root / "cache",
        "APT::Sandbox::User": "root",
        "APT::Install-Recommends": "0",
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        # An old suite is still what it was when its signature was to be renewed.
        "Acquire::Check-Valid-Until": "false",
    }
    options = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
    stamp = root / "updated"
    if not stamp.exists() or time.time() - stamp.stat().st_mtime > _LISTS_FRESH_SECONDS:
        _apt_run(name, ["apt-get", *options, "-o", "APT::Update::Error-Mode=any", "-qq", "update"])
        stamp.touch()
    return options


def _apt_run(name: str, command: list[str], cwd: Path | None = None) -> None:
    try:
        run(command, cwd=cwd)
    except CommandFailed as error:
        raise ServerUnavailable(name, f"apt could not fetch it: {error.output.strip()[-1000:]}") from error


def _prepare_prefix(target: Path) -> None:
    """Lay the prefix out as a merged-/usr system, so that older packages land where newer ones do."""
    for folder in ("bin", "lib", "lib64", "sbin"):
        (target / "usr" / folder).mkdir(parents=True)
        (target / folder).symlink_to(f"usr/{folder}")


def _unpack(deb: Path, target: Path) -> None:
    excluded = [f"--exclude=./{folder}" for folder in _NOT_EXTRACTED]
    unpacker = ["tar", "-x", "-C", str(target), "--keep-directory-symlink", "--no-same-owner", *excluded]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as packed:
        unpacked = subprocess.run(unpacker, stdin=packed.stdout, capture_output=True, check=False)
    if packed.returncode or unpacked.returncode:
        raise CommandFailed(["dpkg-deb", deb.name], packed.returncode or unpacked.returncode, unpacked.stderr.decode())


def _relativise_links(target: Path) -> None:
    for folder, folders, files in os.walk(target):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink() and os.readlink(path).startswith("/"):
                inside = target / os.readlink(path).lstrip("/")
                path.unlink()
                path.symlink_to(os.path.relpath(inside, path.parent))


def point_at_own_libraries(patchelf: Path, build: Build, prefix: Path, final: Path) -> None:
    """Make the programs of ``prefix`` (soon to be renamed to ``final``) use its own loader and libraries.

    These are all that are where programs belong, and those that the build names.

    The run path must be the old-style RPATH, since only that one is inherited by the libraries.
    """
    loader = final / LIBRARIES / "ld-linux-x86-64.so.2"
    # systemd and PulseAudio keep a library of their own apart from the others.
    apart = (f"{LIBRARIES}/systemd", f"{LIBRARIES}/pulseaudio")
    run_path = ":".join(str(final / folder) for folder in (LIBRARIES, *apart, "usr/lib"))
    found = {prefix / program for program in build.programs}
    found.update(path for folder in ("usr/bin", "usr/sbin") for path in (prefix / folder).iterdir())
    for program in sorted(found):
        if not program.is_file() or program.is_symlink() or not _is_program(program):
            continue
        run([patchelf, "--set-interpreter", loader, "--force-rpath", "--set-rpath", run_path, program])
    # A library that names a folder for its own libraries gets them from nowhere else.
    for library in sorted((prefix / LIBRARIES).glob("*.so*")):
        if library.is_symlink() or not _is_program(library):
            continue
        if run([patchelf, "--print-rpath", library]).startswith("/usr/lib/"):
            run([patchelf, "--force-rpath", "--set-rpath", run_path, library])


def _is_program(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"
