# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What only PostgreSQL's connections have."""

    DOCUMENTATION = r"""
options:
  login_db:
    description:
      - The database to connect to where the target does not exist yet or is not to be used.
      - PostgreSQL only. Without it, C(postgres) is used.
    type: str
  service:
    description:
      - An entry of the connection service file (C(pg_service.conf)).
      - PostgreSQL only. Options given to the module win over the entry.
    type: str
  passfile:
    description:
      - The password file to use instead of C(~/.pgpass).
      - PostgreSQL only.
    type: path
"""
