# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The database itself: what a restore needs that creates it (``--create``)."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import escape_literal, identifier, literal, parse_array
from ..toc import SECTION_PRE_DATA
from .acl import Privileges
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority, satellite
from .context import Catalog, Definitions
from .setting import setting_sql

_QUERY = """
    SELECT d.oid, pg_catalog.pg_get_userbyid(d.datdba), pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate,
           d.datctype, {provider}, {locale}, {icu_rules}, tsp.spcname, d.datconnlimit, d.datistemplate,
           d.datacl, pg_catalog.acldefault('d', d.datdba),
           pg_catalog.shobj_description(d.oid, 'pg_database')
    FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace tsp ON tsp.oid = d.dattablespace
    WHERE d.datname = pg_catalog.current_database()
"""
_SETTINGS = """
    SELECT coalesce(r.rolname, ''), s.setconfig
    FROM pg_catalog.pg_db_role_setting s
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
    WHERE s.setdatabase = $1::oid AND (s.setrole = 0 OR r.rolname IS NOT NULL)
    ORDER BY s.setrole
"""
_LABELS = """
    SELECT provider, label FROM pg_catalog.pg_shseclabel
    WHERE classoid = 'pg_catalog.pg_database'::regclass AND objoid = $1::oid ORDER BY provider
"""
_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin", "d": "default"}


@dataclass(frozen=True)
class Database(DatabaseObject):
    """The database.

    :param provider: of its collation, empty before 15: older servers do not know the word.
    :param knows_locale: the server knows LOCALE for both of its settings (13 and later).
    :param settings: role (empty for all) and settings, from ALTER DATABASE … SET and ALTER ROLE … IN DATABASE … SET.
    """

    owner: str
    encoding: str
    collate: str
    ctype: str
    provider: str
    locale: str
    knows_locale: bool
    icu_rules: str
    tablespace: str
    connection_limit: int
    is_template: bool
    privileges: Privileges
    comment: str
    labels: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, tuple[str, ...]], ...]

    kind = "database"
    priority = Priority.SCHEMA

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = identifier(self.name)
        yield Entry("DATABASE", self.name, self._create(name), f"DROP DATABASE {name};\n", self.owner)
        if self.comment:
            statement = f"COMMENT ON DATABASE {name} IS {literal(self.comment)};\n"
            yield satellite("COMMENT", f"DATABASE {name}", statement, owner=self.owner)
        if self.labels:
            statement = "".join(
                f"SECURITY LABEL FOR {identifier(provider)} ON DATABASE {name} IS {literal(label)};\n"
                for provider, label in self.labels
            )
            yield satellite("SECURITY LABEL", f"DATABASE {name}", statement, owner=self.owner)
        yield from definitions.catalog.acl_entry(self.privileges, "DATABASE", name, owner=self.owner)
        properties = self._properties(name)
        if properties:
            yield Entry("DATABASE PROPERTIES", self.name, properties, section=SECTION_PRE_DATA, owner=self.owner)

    def _create(self, name: str) -> str:
        statement = f"CREATE DATABASE {name} WITH TEMPLATE = template0 ENCODING = {literal(self.encoding)}"
        if self.provider:
            statement += f" LOCALE_PROVIDER = {_PROVIDERS[self.provider]}"
        if self.collate == self.ctype and self.knows_locale:
            statement += f" LOCALE = {literal(self.collate)}"
        else:
            statement += f" LC_COLLATE = {literal(self.collate)} LC_CTYPE = {literal(self.ctype)}"
        if self.locale:
            word = "BUILTIN_LOCALE" if self.provider == "b" else "ICU_LOCALE"
            statement += f" {word} = {literal(self.locale)}"
        if self.icu_rules:
            statement += f" ICU_RULES = {literal(self.icu_rules)}"
        if self.tablespace != "pg_default":
            statement += f" TABLESPACE = {identifier(self.tablespace)}"
        return f"{statement};\n"

    def _properties(self, name: str) -> str:
        statements = []
        if self.connection_limit >= 0:
            statements.append(f"ALTER DATABASE {name} CONNECTION LIMIT = {self.connection_limit};\n")
        if self.is_template:
            statements.append(f"ALTER DATABASE {name} IS_TEMPLATE = true;\n")
        for role, settings in self.settings:
            target = f"ALTER ROLE {identifier(role)} IN DATABASE {name}" if role else f"ALTER DATABASE {name}"
            statements.extend(f"{target} SET {setting_sql(item, quote=escape_literal)};\n" for item in settings)
        return "".join(statements)


def read_database(catalog: Catalog) -> Database:
    """The connected database."""
    version = catalog.version
    query = _QUERY.format(
        provider="d.datlocprovider" if version >= 150000 else "''",
        locale="d.datlocale" if version >= 170000 else "d.daticulocale" if version >= 150000 else "''",
        icu_rules="d.daticurules" if version >= 160000 else "''",
    )
    (row,) = catalog.session.rows(query)
    key = Key(CatalogOid.PG_DATABASE, int(row[0]))
    labels = catalog.session.rows(_LABELS, (row[0],))
    settings = catalog.session.rows(_SETTINGS, (row[0],))
    return Database(
        key=key,
        schema="",
        name=catalog.session.database,
        owner=row[1],
        encoding=row[2],
        collate=row[3],
        ctype=row[4],
        provider=row[5],
        locale=row[6],
        knows_locale=version >= 130000,
        icu_rules=row[7],
        tablespace=row[8],
        connection_limit=int(row[9]),
        is_template=row[10] == "t",
        privileges=Privileges.parse(row[11] or None, row[12]),
        comment=row[13],
        labels=tuple((provider, label) for provider, label in labels),
        settings=tuple((role, parse_array(items)) for role, items in settings),
    )
