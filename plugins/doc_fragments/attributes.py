# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What the modules can do; each module adds its own attributes."""

    DOCUMENTATION = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/dbfleet.backup.all) in C(module_defaults) to set options for all modules at once.
    support: full
    membership:
      - dbfleet.backup.all
  async:
    description: Can be run with the C(async) property on a task.
    support: full
  platform:
    description: Target operating systems the module runs on.
    support: full
    platforms: posix
"""

    # For a module that only reads.
    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check_mode and return what it would return without it.
    support: full
    details:
      - This module changes nothing.
  diff_mode:
    description: Will return details on what has changed, or would change.
    support: N/A
    details:
      - This module changes nothing.
  idempotent:
    description: Running it again changes nothing.
    support: full
    details:
      - This module changes nothing.
"""
