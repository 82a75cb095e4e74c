# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What of an archive a restore of PostgreSQL takes."""

    DOCUMENTATION = r"""
options:
  schemas:
    description:
      - Restore only what is in these schemas, as C(pg_restore --schema) does. The schemas themselves are not made,
        unless O(with_dependencies) is set.
      - Names are those of the archive's list of contents, without quotes. They are no patterns. This holds for all
        options that name something.
      - What is selected comes from an archive, a backup of the format V(custom), V(directory) or V(tar).
      - PostgreSQL only.
    type: list
    elements: str
  exclude_schemas:
    description:
      - Do not restore what is in these schemas.
      - PostgreSQL only.
    type: list
    elements: str
  tables:
    description:
      - Restore only these tables, views, materialized views, sequences and foreign tables, with their data. They are
        named without their schema, which O(schemas) can add.
      - As with C(pg_restore --table), indexes, constraints, triggers and defaults of a table are not restored; see
        O(with_dependencies).
      - O(tables), O(indexes), O(functions) and O(triggers) add up.
      - PostgreSQL only.
    type: list
    elements: str
  indexes:
    description:
      - Restore only these indexes.
      - PostgreSQL only.
    type: list
    elements: str
  functions:
    description:
      - Restore only these functions, aggregates and procedures. They are named with their arguments, as the list of
        contents has them, for example V(double(integer\)).
      - PostgreSQL only.
    type: list
    elements: str
  triggers:
    description:
      - Restore only these triggers. A trigger is named after its table, for example V(customers touch).
      - PostgreSQL only.
    type: list
    elements: str
  sections:
    description:
      - Restore only these of the sections V(pre-data), V(data) and V(post-data).
      - PostgreSQL only.
    type: list
    elements: str
  use_list:
    description:
      - A file on the managed host with a list of contents, as C(dbfleet info) and C(pg_restore -l) print it. Only what
        it lists is restored, in the order of the list.
      - A semicolon at the beginning of a line leaves its item out.
      - PostgreSQL only.
    type: path
  schema_only:
    description:
      - Restore the definitions and no data.
      - PostgreSQL only.
    type: bool
  data_only:
    description:
      - Restore the data and no definitions, into tables that exist. The target is not empty then, so this goes with
        O(force).
      - PostgreSQL only.
    type: bool
  statistics_only:
    description:
      - Restore the optimizer's statistics alone.
      - PostgreSQL only.
    type: bool
  no_schema:
    description:
      - Do not restore definitions.
      - PostgreSQL only.
    type: bool
  no_data:
    description:
      - Do not restore rows, the positions of sequences and large objects.
      - PostgreSQL only.
    type: bool
  no_statistics:
    description:
      - Do not restore the optimizer's statistics.
      - PostgreSQL only.
    type: bool
  no_owner:
    description:
      - Let everything belong to the user who restores it.
      - PostgreSQL only.
    type: bool
  no_privileges:
    description:
      - Grant and revoke nothing.
      - PostgreSQL only.
    type: bool
  no_comments:
    description:
      - Do not restore comments.
      - PostgreSQL only.
    type: bool
  no_policies:
    description:
      - Do not restore row security policies.
      - PostgreSQL only.
    type: bool
  no_publications:
    description:
      - Do not restore publications.
      - PostgreSQL only.
    type: bool
  no_subscriptions:
    description:
      - Do not restore subscriptions.
      - PostgreSQL only.
    type: bool
  no_security_labels:
    description:
      - Do not restore security labels.
      - PostgreSQL only.
    type: bool
  no_tablespaces:
    description:
      - Put everything into the default tablespace.
      - PostgreSQL only.
    type: bool
  no_table_access_method:
    description:
      - Make every table with the default access method.
      - PostgreSQL only.
    type: bool
  strict_names:
    description:
      - Fail if one of the names in O(schemas), O(tables), O(indexes), O(functions) and O(triggers) is not in the
        archive. That nothing at all is found is always a failure.
      - PostgreSQL only.
    type: bool
  with_dependencies:
    description:
      - Restore also what the selected objects depend on, by the archive's own dependencies. These are their schemas,
        types, functions, sequences and the tables that a view reads, and so on; with a table come the defaults of its
        columns, its identity and the sequences that belong to it.
      - Tables that are only depended on come without rows, unless a selected foreign key or materialized view needs
        these.
      - PostgreSQL only.
    type: bool
"""
