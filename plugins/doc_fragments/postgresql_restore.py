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
      - What is selected comes from an archive, a backup of the format V(custom), V(directory) or V(tar), or from a
        plain script, by the comments that C(pg_dump) writes before each entry. A script without them is refused.
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
      - For MySQL and MariaDB they are patterns of tables, views and sequences, in which C(*) and C(?) stand for any
        text and any letter, and what is in back quotes stands for itself. Tables come whole, with their triggers.
        Routines and events belong to no table and are left out.
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
  filters:
    description:
      - Rules, as the lines of a file that C(pg_restore --filter) reads. Each is C(include) or C(exclude), a kind, and a
        name, for example V(include table orders).
      - The kinds are C(schema), C(table), C(index), C(function) and C(trigger) to include, and C(schema) to exclude.
      - PostgreSQL only.
    type: list
    elements: str
  filter_files:
    description:
      - Files on the managed host with such rules, one in a line.
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
    type: bool
  data_only:
    description:
      - Restore the data and no definitions, into tables that exist. The target is not empty then, so this goes with
        O(force).
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
  file:
    description:
      - Instead of restoring, write the script that would be run to this file on the managed host. No server is needed,
        and C(psql) can run it.
      - A file that exists is replaced when the new one is whole. It is readable by its owner only.
      - With O(create), the script makes the database and connects to it; with O(clean), it drops first what it makes.
      - PostgreSQL only, and for archives.
    type: path
  if_exists:
    description:
      - With O(file) and O(clean), have the script drop only what exists. A restore into a database always does so.
      - PostgreSQL only.
    type: bool
  no_restrict:
    description:
      - With O(file), leave out the commands around the script that keep C(psql) from running anything that data has
        smuggled in. C(psql) before 14.19, 15.14, 16.10 and 17.6 does not know them.
      - PostgreSQL only.
    type: bool
  restrict_key:
    description:
      - With O(file), the key of those commands, letters and digits, instead of a random one.
      - PostgreSQL only.
    type: str
  role_map:
    description:
      - C(OLD=NEW), for example V(ann=operators). What belongs to the old role in the backup, or is granted to it, goes
        to the new one. Policies, user mappings and default privileges are meant too; what functions do is not.
      - Names are those of the server, without quotes.
      - PostgreSQL only.
    type: list
    elements: str
  create_roles:
    description:
      - Make the roles that the backup needs and the server lacks, out of the globals of the backup's set, with all that
        these say of them (passwords too), and the missing roles that they are members of. Roles that exist stay as they
        are.
      - For a backup of a set (O(all_databases) when it was made) in a repository. Nothing else of the globals is done.
      - PostgreSQL only.
    type: bool
  role:
    description:
      - Do everything as this role.
      - PostgreSQL only.
    type: str
  disable_triggers:
    description:
      - With O(data_only), switch the triggers of a table off while its rows are loaded, those of foreign keys too. Only
        a superuser may do that.
      - PostgreSQL only.
    type: bool
  superuser:
    description:
      - With O(file), the superuser as whom O(disable_triggers) is done.
      - PostgreSQL only.
    type: str
  enable_row_security:
    description:
      - Load rows as the policies of the tables allow. Without it, such a table is an error for whoever they hold for.
      - PostgreSQL only.
    type: bool
  use_set_session_authorization:
    description:
      - With O(file), have the script make objects as their owners, instead of giving them away afterwards.
      - PostgreSQL only.
    type: bool
  with_dependencies:
    description:
      - Restore also what the selected objects depend on, by the archive's own dependencies. A script has none.
      - These are their schemas, types, functions, sequences and the tables that a view reads, and so on; with a table
        come the defaults of its columns, its identity and the sequences that belong to it.
      - Tables that are only depended on come without rows, unless a selected foreign key or materialized view needs
        these.
      - PostgreSQL only.
    type: bool
"""
