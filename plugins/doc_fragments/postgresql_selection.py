# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What of a PostgreSQL database is backed up."""

    DOCUMENTATION = r"""
options:
  schemas:
    description:
      - Back up only the schemas whose names match one of these patterns, and what is in them, as C(pg_dump --schema)
        takes them. See O(tables) for patterns.
      - What is in no schema (extensions, casts, publications, large objects and so on) is left out then, and so is
        what the schemas depend on.
      - PostgreSQL only.
    type: list
    elements: str
  exclude_schemas:
    description:
      - Leave out the schemas that match one of these patterns, and what is in them.
      - PostgreSQL only.
    type: list
    elements: str
  tables_and_children:
    description:
      - As O(tables), with all partitions of the tables and all tables that inherit from them.
      - PostgreSQL only.
    type: list
    elements: str
  exclude_tables_and_children:
    description:
      - As O(exclude_tables), with all partitions of the tables and all tables that inherit from them.
      - PostgreSQL only.
    type: list
    elements: str
  exclude_table_data:
    description:
      - Back up the tables that match one of these patterns without their rows, and the sequences without their
        values.
      - PostgreSQL only.
    type: list
    elements: str
  exclude_table_data_and_children:
    description:
      - As O(exclude_table_data), with all partitions of the tables and all tables that inherit from them.
      - PostgreSQL only.
    type: list
    elements: str
  extensions:
    description:
      - Back up only the extensions that match one of these patterns. Casts, publications and other things that are in
        no schema are left out then, all schemas stay.
      - PostgreSQL only.
    type: list
    elements: str
  exclude_extensions:
    description:
      - Leave out the extensions that match one of these patterns.
      - PostgreSQL only.
    type: list
    elements: str
  include_foreign_data:
    description:
      - Back up the rows of the foreign tables of the foreign servers that match one of these patterns, which are read
        from there. Each pattern must match a server.
      - PostgreSQL only.
    type: list
    elements: str
  filters:
    description:
      - Rules, as the lines of a file that C(pg_dump --filter) reads. Each is C(include) or C(exclude), a kind, and a
        pattern, for example V(exclude table_data audit.*).
      - The kinds are C(schema), C(table), C(table_and_children), C(extension) and C(foreign_data), and to exclude
        C(table_data) and C(table_data_and_children).
      - PostgreSQL only.
    type: list
    elements: str
  filter_files:
    description:
      - Files on the host with such rules, one in a line.
      - PostgreSQL only.
    type: list
    elements: str
  sections:
    description:
      - Back up only these sections. V(pre-data) comes before the data, V(data) is the data, and V(post-data) are the
        indexes, constraints, triggers and so on that come after it.
      - PostgreSQL only.
    type: list
    elements: str
  strict_names:
    description:
      - Fail if a pattern in O(schemas), O(tables), O(tables_and_children) or O(extensions) matches nothing, even if
        others match something.
      - PostgreSQL only.
    type: bool
  no_schema:
    description:
      - Leave the definitions out.
      - PostgreSQL only.
    type: bool
  no_data:
    description:
      - Leave the data out.
      - PostgreSQL only.
    type: bool
  large_objects:
    description:
      - Back up large objects too where O(schemas), O(tables) or O(extensions) would leave them out.
      - PostgreSQL only.
    type: bool
  no_large_objects:
    description:
      - Leave large objects out.
      - PostgreSQL only.
    type: bool
  no_comments:
    description:
      - Leave comments out.
      - PostgreSQL only.
    type: bool
  no_policies:
    description:
      - Leave row security policies out.
      - PostgreSQL only.
    type: bool
  no_privileges:
    description:
      - Leave privileges and default privileges out.
      - PostgreSQL only.
    type: bool
  no_publications:
    description:
      - Leave publications out.
      - PostgreSQL only.
    type: bool
  no_security_labels:
    description:
      - Leave security labels out.
      - PostgreSQL only.
    type: bool
  no_subscriptions:
    description:
      - Leave subscriptions out, whose connection strings only a superuser may read.
      - PostgreSQL only.
    type: bool
  no_toast_compression:
    description:
      - Leave out how the values of columns are compressed.
      - PostgreSQL only.
    type: bool
  no_unlogged_table_data:
    description:
      - Leave the rows of unlogged tables and the values of unlogged sequences out.
      - PostgreSQL only.
    type: bool
"""
