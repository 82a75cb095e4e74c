# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The images of hosts: a Debian tree, and layers upon it, made once and kept by the digest of their recipe."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.servers.debian import mirror
from tests.servers.paths import locked

from .errors import FleetError, FleetUnavailable
from .machine import images_dir
from .programs import program

SUITE = "bookworm"
_SCRIPTS = Path(__file__).resolve().parent
_BASE_PACKAGES = (
    "systemd-sysv dbus openssh-server python3 python3-venv sudo acl iproute2 iputils-ping ca-certificates procps cron"
)
# What apt says where the mirror is at fault, or the way to it.
_NOT_FETCHED = re.compile(
    r"^[EW]:.*(?:Failed to fetch|Unable to fetch|Could not (?:resolve|connect)|Temporary failure).*", re.M
)


@dataclass(frozen=True)
class Image:
    """What a host boots from.

    :param name: how callers ask for it.
    :param packages: what is installed.
    :param below: the image that this one is a layer upon; None for a whole tree.
    :param script: the shell script that makes it, beside this file.
    """

    name: str
    packages: tuple[str, ...]
    below: Image | None
    script: str

    @property
    def digest(self) -> str:
        """Of everything that decides what is in the image, the images below it included."""
        script = (_SCRIPTS / self.script).read_bytes()
        below = self.below.digest if self.below else ""
        return hashlib.sha256(repr((SUITE, self.packages, script, below)).encode()).hexdigest()[:16]

    @property
    def folder(self) -> Path:
        """Where it is, once made."""
        return images_dir() / f"{self.name}-{self.digest}"

    @property
    def layers(self) -> list[Path]:
        """The folders of an overlay that shows it, the uppermost first."""
        return [self.folder, *(self.below.layers if self.below else [])]


BASE = Image("base", tuple(_BASE_PACKAGES.split()), None, "base.sh")
IMAGES = {
    image.name: image
    for image in (
        BASE,
        Image("postgresql", ("postgresql",), BASE, "layer.sh"),
        Image("mariadb", ("mariadb-server",), BASE, "layer.sh"),
    )
}


def ensure(name: str) -> Image:
    """The image ``name``, made if it is not there yet (about a minute for the first).

    :raises FleetUnavailable: no Debian mirror is named or can be reached.
    :raises FleetError: there is no such image, or it could not be made.
    """
    if name not in IMAGES:
        raise FleetError(f"there is no image {name!r}; there are {', '.join(IMAGES)}")
    image = IMAGES[name]
    if image.below is not None:
        ensure(image.below.name)
    if not image.folder.exists():
        with locked(f"fleet-image-{image.name}"):
            if not image.folder.exists():
                _make(image)
    return image


def _make(image: Image) -> None:
    address = mirror()
    if address is None:
        raise FleetUnavailable("no apt source here names a Debian mirror; set DBFLEET_DEBIAN_MIRROR to one")
    images_dir().mkdir(parents=True, exist_ok=True)
    for old in images_dir().glob(f"{image.name}-*.partial"):
        shutil.rmtree(old)
    partial = Path(f"{image.folder}.partial")
    partial.mkdir(mode=0o755)
    log = images_dir() / f"{image.name}.log"
    below = ":".join(str(folder) for folder in (image.below.layers if image.below else []))
    # Namespaces of its own: mounts end with it, and whatever a package starts, too.
    words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    words += ["sh", "-eu", str(_SCRIPTS / image.script), str(partial), below, SUITE, address, *image.packages]
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    if image.below is None:
        environment["MMDEBSTRAP"] = program("mmdebstrap")
        # It calls a program that came with it; all others are the machine's.
        environment["PATH"] = f"{environment.get('PATH', os.defpath)}:{Path(environment['MMDEBSTRAP']).parent}"
    with log.open("wb") as output:
        done = subprocess.run(
            words, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False,
            umask=0o022,
        )  # fmt: skip
    if done.returncode:
        said = log.read_text(errors="replace")
        not_fetched = _NOT_FETCHED.search(said)
        if not_fetched is not None:
            raise FleetUnavailable(
                f"the packages of the image {image.name} cannot be downloaded: {not_fetched.group()}"
            )
        raise FleetError(
            f"the image {image.name} could not be made (code {done.returncode}), see {log}:\n{said[-2000:]}"
        )
    partial.rename(image.folder)
