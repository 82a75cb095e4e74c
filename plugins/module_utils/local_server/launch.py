# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""How the server of a data folder is started: by its program or by the distribution's, and with which configuration.

``initdb`` puts the configuration into the data folder. Debian and Ubuntu keep it in
``/etc/postgresql/VERSION/CLUSTER``, say there where the data is, and have ``pg_ctlcluster`` start the server, which
leaves that to systemd where it can.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil

from ..errors import UsageError
from ..lazy_dataclass import dataclass

CONFIGURATION = "postgresql.conf"
_DEBIAN_ROOT_VARIABLE = "PG_CLUSTER_CONF_ROOT"
_DEBIAN_ROOT = "/etc/postgresql"
_DEBIAN_PROGRAM = "pg_ctlcluster"
_DEBIAN_BIN = "/usr/lib/postgresql/{}/bin"
_DEBIAN_LOG = "/var/log/postgresql/postgresql-{}-{}.log"


@dataclass(frozen=True)
class Launch:
    """How a server is started.

    :param configuration: its postgresql.conf; empty for the one in the data folder.
    :param control: the distribution's command that starts it; empty where the server's program is started.
    :param log: where that command has the server log to; empty where that is not known.
    """

    configuration: str = ""
    control: tuple[str, ...] = ()
    log: str = ""


def launch_of(data: str, major: str, given: str, *, has_own: bool | None, programs: str = "") -> Launch:
    """Find out how the server of a data folder will be started.

    :param major: its version, as PG_VERSION has it; empty where that is not known.
    :param given: its postgresql.conf, as the user says; empty for the usual places.
    :param has_own: whether there is, or will be, one in the data folder; ``None`` where nobody knows yet.
    :param programs: the folder of the server's programs that the user has named.
    :raises UsageError: there is no configuration.
    """
    if given:
        if not os.path.isfile(given):
            raise UsageError(f"there is no file {given}", hint="name the server's postgresql.conf (config_file)")
        return _debian(given, data, major, programs) or Launch(given)
    root = os.environ.get(_DEBIAN_ROOT_VARIABLE) or _DEBIAN_ROOT
    for path in sorted(glob.glob(os.path.join(glob.escape(root), "*", "*", CONFIGURATION))):
        found = _debian(path, data, major, programs)
        if found is not None:
            return found
    if has_own is False:
        raise UsageError(
            f"the server cannot be started: the backup holds no {CONFIGURATION}, and none below {root} is for {data}",
            hint="name the configuration (config_file), or leave start out and start the server yourself",
        )
    return Launch()


def _debian(configuration: str, data: str, major: str, programs: str) -> Launch | None:
    """The cluster that the configuration is of in Debian's layout, if it is the one with this data folder."""
    folder, cluster = os.path.split(os.path.dirname(configuration))
    version = os.path.basename(folder)
    if not re.fullmatch(r"[0-9]+", version) or (major and version != major):
        return None
    known = setting_of(configuration, "data_directory")
    if not known or os.path.realpath(known) != os.path.realpath(data):
        return None
    program = shutil.which(_DEBIAN_PROGRAM)
    if program is None:
        return Launch(configuration)
    control = [program, version, cluster, "start"]
    if programs and os.path.realpath(programs) != os.path.realpath(_DEBIAN_BIN.format(version)):
        control += ["--bindir", programs]
    return Launch(configuration, tuple(control), _DEBIAN_LOG.format(version, cluster))


def setting_of(path: str, name: str) -> str:
    """A setting of a configuration file, empty where the file does not have it; files that it includes are not read."""
    value = ""
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            found = re.match(rf"\s*{name}\s*(?:=|\s)\s*(?:'((?:[^']|'')*)'|([^\s#']+))", line, re.IGNORECASE)
            if found is not None:
                value = (found.group(1) or "").replace("''", "'") or found.group(2) or ""
    return value
