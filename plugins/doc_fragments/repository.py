# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Where managed backups live."""

    DOCUMENTATION = r"""
options:
  repository:
    description:
      - The folder on the host that keeps the backups of any number of servers and databases, each with its manifest.
      - A share that is mounted on the host will do.
    type: path
  cluster:
    description:
      - The name of the server in the repository.
      - Without it, a backup is filed under C(HOST-PORT), with the host's own name for a server reached over a socket or
        the loopback address. Reading from a repository needs it only where the repository holds several.
    type: str
"""
