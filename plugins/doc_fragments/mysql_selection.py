# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What of a MySQL or MariaDB database is backed up or restored, beside what every database system has."""

    DOCUMENTATION = r"""
options:
  ignore_table_data:
    description:
      - Patterns as in O(tables). Of the tables that match one, the definitions are taken and no rows.
      - MySQL and MariaDB only.
    type: list
    elements: str
  skip_triggers:
    description:
      - Leave the triggers out.
      - MySQL and MariaDB only.
    type: bool
  skip_routines:
    description:
      - Leave procedures, functions, packages and libraries out. Neither are they taken where O(tables) names some.
      - MySQL and MariaDB only.
    type: bool
  skip_events:
    description:
      - Leave the events out. Neither are they taken where O(tables) names some.
      - MySQL and MariaDB only.
    type: bool
  ignore_views:
    description:
      - Leave the views out.
      - MySQL and MariaDB only.
    type: bool
"""
