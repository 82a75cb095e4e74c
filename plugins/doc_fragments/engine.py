# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Who does a job: the collection's engine, or the vendor's programs."""

    DOCUMENTATION = r"""
options:
  engine:
    description:
      - Who does the work.
      - With V(native) it is the collection's own engine, which runs no other program.
      - With V(tools) it is C(pg_dump), C(pg_restore) and C(psql), or C(mysqldump), C(mariadb-dump), C(mysql) and
        C(mariadb). What they write is read to its end before it counts, and stored with the same manifest. A program
        older than the server is refused, and so is every option that the programs cannot honour.
      - V(auto) is V(native), and V(tools) where V(native) declares that it cannot do the job, because of an object of a
        kind that it does not know, a server of a version that it does not know, or a driver that is not installed. A
        warning then says so. Nothing else is a reason, a wrong password or damaged data least of all.
      - The programs do one database at a time.
    type: str
    choices: [native, tools, auto]
    default: native
  tools_path:
    description:
      - The folder of the vendor's programs. By default they are looked for in C(PATH) and where packages put them.
    type: path
  scratch_folder:
    description:
      - With O(engine=tools), where a program's output is until it was checked, and passwords for programs in files that
        only the user can read. The folder in it is removed in the end. It needs room for a whole backup, which is not
        encrypted there.
      - By default C(/var/tmp).
    type: path
"""
