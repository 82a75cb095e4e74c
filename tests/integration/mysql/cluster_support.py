# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of whole servers share: accounts of all kinds, and everything that tells of an account."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.servers import Server

_MYSQL8 = (
    (
        "CREATE USER {0}_all IDENTIFIED BY 'p''ä\\\\ss' REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 5 MAX_USER_CONNECTIONS 3 "
        "PASSWORD EXPIRE INTERVAL 30 DAY PASSWORD HISTORY 4 FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2 ACCOUNT LOCK "
        "COMMENT 'it''s; `odd`'"
    ),
    "CREATE USER '{0}odd '' `name'@'10.%' IDENTIFIED BY 'x' REQUIRE SUBJECT '/CN=a''b' AND ISSUER '/CN=c'",
    "CREATE USER {0}_hash IDENTIFIED WITH caching_sha2_password BY 'second'",
    "CREATE ROLE {0}_reader, {0}_writer, {0}_both",
    "GRANT SELECT ON {1}.* TO {0}_reader",
    "GRANT INSERT, UPDATE ON {1}.* TO {0}_writer WITH GRANT OPTION",
    "GRANT {0}_reader, {0}_writer TO {0}_both",
    "GRANT {0}_both TO {0}_all WITH ADMIN OPTION",
    "GRANT {0}_reader TO {0}_hash",
    "SET DEFAULT ROLE {0}_both TO {0}_all",
    "ALTER USER {0}_hash DEFAULT ROLE ALL",
    "GRANT BACKUP_ADMIN, SYSTEM_VARIABLES_ADMIN ON *.* TO {0}_hash WITH GRANT OPTION",
    "GRANT SELECT, RELOAD ON *.* TO {0}_hash",
    "GRANT PROXY ON {0}_hash TO {0}_all",
    "GRANT SELECT (a), UPDATE (a, b) ON {1}.granted TO {0}_all",
    "GRANT DELETE ON {1}.granted TO {0}_all",
    "GRANT EXECUTE ON PROCEDURE {1}.does TO {0}_all",
)
_MYSQL57 = (
    (
        "CREATE USER {0}_all IDENTIFIED BY 'p''ä\\\\ss' REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 5 MAX_USER_CONNECTIONS 3 "
        "PASSWORD EXPIRE INTERVAL 30 DAY ACCOUNT LOCK"
    ),
    "CREATE USER '{0}odd '' `name'@'10.%' IDENTIFIED BY 'x' REQUIRE SUBJECT '/CN=a''b' AND ISSUER '/CN=c'",
    "CREATE USER {0}_hash IDENTIFIED WITH sha256_password BY 'second'",
    "GRANT SELECT, RELOAD ON *.* TO {0}_hash WITH GRANT OPTION",
    "GRANT ALL ON {1}.* TO {0}_all",
    "GRANT PROXY ON {0}_hash TO {0}_all",
    "GRANT SELECT (a), UPDATE (a, b) ON {1}.granted TO {0}_all",
    "GRANT DELETE ON {1}.granted TO {0}_all",
    "GRANT EXECUTE ON PROCEDURE {1}.does TO {0}_all",
)
_MARIADB = (
    (
        "CREATE USER {0}_all IDENTIFIED BY 'p''ä\\\\ss' REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 5 MAX_USER_CONNECTIONS 3 "
        "ACCOUNT LOCK PASSWORD EXPIRE INTERVAL 30 DAY"
    ),
    "CREATE USER '{0}odd '' `name'@'10.%' IDENTIFIED BY 'x' REQUIRE SUBJECT '/CN=a''b' AND ISSUER '/CN=c'",
    "CREATE USER {0}_hash IDENTIFIED VIA mysql_native_password USING PASSWORD('second') OR unix_socket",
    "CREATE ROLE {0}_reader",
    "CREATE ROLE {0}_writer WITH ADMIN {0}_reader",
    "CREATE ROLE {0}_both WITH ADMIN {0}_hash",
    "GRANT SELECT ON {1}.* TO {0}_reader",
    "GRANT INSERT, UPDATE ON {1}.* TO {0}_writer WITH GRANT OPTION",
    "GRANT {0}_reader TO {0}_both",
    "GRANT {0}_reader TO {0}_all WITH ADMIN OPTION",
    "SET DEFAULT ROLE {0}_reader FOR {0}_all",
    "GRANT SELECT, RELOAD ON *.* TO {0}_hash WITH GRANT OPTION",
    "GRANT PROXY ON {0}_hash TO {0}_all",
    "GRANT SELECT (a), UPDATE (a, b) ON {1}.granted TO {0}_all",
    "GRANT DELETE ON {1}.granted TO {0}_all",
    "GRANT EXECUTE ON PROCEDURE {1}.does TO {0}_all",
)


@contextmanager
def accounts(server: Server, database: str) -> Iterator[str]:
    """Accounts of all kinds, whose names begin with what this gives; they are gone afterwards."""
    prefix = f"a{secrets.token_hex(3)}"
    new = server.version >= (8,)
    statements = _MARIADB if server.flavor == "mariadb" else _MYSQL8 if new else _MYSQL57
    server.execute(f"CREATE TABLE {database}.granted (a INT, b INT)", f"CREATE PROCEDURE {database}.does() SELECT 1")
    try:
        with server.connect() as connection:
            for statement in statements:
                connection.cursor().execute(statement.format(prefix, database))
        yield prefix
    finally:
        drop_accounts(server, prefix)


def drop_accounts(server: Server, prefix: str) -> None:
    with server.connect() as connection:
        cursor = connection.cursor()
        for user, host, kind in _names(cursor, server, prefix):
            name = f"`{user.replace('`', '``')}`"
            cursor.execute(f"DROP ROLE {name}" if kind == "Y" else f"DROP USER {name}@'{host}'")


def account_picture(server: Server, prefix: str) -> dict[str, Any]:
    """Everything that tells of the accounts whose names begin so."""
    with server.connect() as connection:
        cursor = connection.cursor()
        if server.flavor == "mysql" and server.version >= (8,):
            cursor.execute("SET print_identified_with_as_hex = 1")
        found: dict[str, Any] = {}
        for user, host, kind in _names(cursor, server, prefix):
            name = f"`{user.replace('`', '``')}`" + ("" if kind == "Y" else f"@'{host}'")
            if kind != "Y":
                cursor.execute(f"SHOW CREATE USER {name}")
                found[f"definition of {name}"] = cursor.fetchall()
            cursor.execute(f"SHOW GRANTS FOR {name}")
            found[f"grants of {name}"] = sorted(cursor.fetchall())
        if server.flavor == "mariadb":
            cursor.execute(f"SELECT * FROM mysql.roles_mapping WHERE Role LIKE '{prefix}%' ORDER BY 1, 2, 3")
            found["memberships"] = [row for row in cursor.fetchall() if row[1] != "root"]
        return found


def _names(cursor: Any, server: Server, prefix: str) -> list[tuple[str, str, str]]:
    is_role = "is_role" if server.flavor == "mariadb" else "'N'"
    cursor.execute(f"SELECT User, Host, {is_role} FROM mysql.user WHERE User LIKE '{prefix}%' ORDER BY 1, 2")
    return list(cursor.fetchall())
