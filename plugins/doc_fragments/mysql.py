# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What only MySQL's and MariaDB's connections have."""

    DOCUMENTATION = r"""
options:
  option_file:
    description:
      - An option file (C(my.cnf)) whose group C([client]) gives user, password, host, socket and TLS settings.
      - MySQL and MariaDB only. Options given to the module win over the file.
    type: path
    aliases: [config_file]
  option_group:
    description:
      - A group of O(option_file) to read after C([client]).
      - MySQL and MariaDB only.
    type: str
"""
