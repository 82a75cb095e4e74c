# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""User mappings: whom a role is on a foreign server. They go with their server."""

from __future__ import annotations

import typing as t

from ...errors import PrivilegeError
from ...lazy_dataclass import dataclass
from ..quoting import identifier
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .foreign_options import options_clause, options_sql

_MAY_READ = "SELECT pg_catalog.has_column_privilege('pg_catalog.pg_user_mapping', 'umoptions', 'SELECT')"
_QUERY = f"""
    SELECT u.oid, u.umserver, CASE WHEN u.umuser = 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(u.umuser) END,
           {options_sql("u.umoptions")}, 't'
    FROM pg_catalog.pg_user_mapping u WHERE u.oid >= 16384
"""
# The view shows options to the mapped user who may use the server, and a public mapping's to the server's owner; to all
# others they look as if there were none.
_VISIBLE = f"""
    SELECT u.umid, u.srvid, u.usename, {options_sql("u.umoptions")},
           u.umoptions IS NOT NULL
           OR (u.umuser <> 0 AND u.usename = current_user
               AND (pg_catalog.pg_has_role(s.srvowner, 'USAGE') OR pg_catalog.has_server_privilege(s.oid, 'USAGE')))
           OR (u.umuser = 0 AND pg_catalog.pg_has_role(s.srvowner, 'USAGE'))
    FROM pg_catalog.pg_user_mappings u JOIN pg_catalog.pg_foreign_server s ON s.oid = u.srvid
    WHERE u.umid >= 16384
"""


@dataclass(frozen=True)
class UserMapping(DatabaseObject):
    """A user mapping; its name is the role's, ``public`` for everyone.

    :param server: the name of the foreign server.
    :param options: as SQL, empty for none.
    """

    server_key: Key
    server: str
    options: str

    kind = "user mapping"
    priority = Priority.FOREIGN_SERVER

    @property
    def label(self) -> str:
        return f"user mapping of {self.name} for server {self.server}"

    @property
    def embedded_in(self) -> Key | None:
        return self.server_key

    def natural_order(self) -> tuple[t.Any, ...]:
        return (self.server,)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        # The server writes them, after its own entry.
        return iter(())

    def entry(self, owner: str) -> Entry:
        """The mapping's entry.

        :param owner: the server's owner.
        """
        target = f"FOR {identifier(self.name)} SERVER {identifier(self.server)}"
        options = f" {options_clause(self.options)}" if self.options else ""
        tag = f"USER MAPPING {self.name} SERVER {self.server}"
        create, drop = f"CREATE USER MAPPING {target}{options};\n", f"DROP USER MAPPING {target};\n"
        return Entry("USER MAPPING", tag, create, drop, owner)


def read_user_mappings(catalog: Catalog) -> t.Iterator[UserMapping]:
    """All user mappings of servers that are dumped.

    :raises PrivilegeError: the options of some are hidden from the connected user.
    """
    servers = {
        int(oid): name for oid, name in catalog.session.rows("SELECT oid, srvname FROM pg_catalog.pg_foreign_server")
    }
    readable = catalog.session.value(_MAY_READ) == "t"
    hidden: list[str] = []
    for oid, server, user, options, visible in catalog.session.rows(_QUERY if readable else _VISIBLE):
        server_key = Key(CatalogOid.PG_FOREIGN_SERVER, int(server))
        mapping = UserMapping(
            Key(CatalogOid.PG_USER_MAPPING, int(oid)), "", user, server_key, servers[int(server)], options
        )
        if visible != "t" and catalog.chosen.has_everything:
            hidden.append(mapping.label)
        if catalog.includes(server_key):
            yield mapping
        elif server_key in catalog.members:
            catalog.leave_out(mapping.key, f"{mapping.label}: the server belongs to an extension")
    if hidden:
        raise PrivilegeError(
            f"the options are hidden of {', '.join(hidden)}",
            hint="connect as a superuser, or as the owner of the servers who is also the mapped user",
            objects=hidden,
        )
