# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A random workload of everything that a binlog can hold, and what the database is after each step of it."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.servers import Server

from .test_binlog_list import COLUMNS, NULLS, ROW

FIRST = [
    "CREATE TABLE t (a INT PRIMARY KEY AUTO_INCREMENT, b LONGTEXT, c DECIMAL(40, 10), d DATETIME(6))",
    "INSERT INTO t (b) VALUES ('first'), ('second')",
    f"CREATE TABLE wide ({COLUMNS})",
    "CREATE TABLE unsafe (a INT, b VARCHAR(50)) ENGINE = MyISAM",
]
#: Rows that a table may have before it is thinned out.
_MOST_ROWS = 60
#: A value that is longer is remembered by its digest.
_SHOWN = 100


class Workload:
    """Changes the database ``d`` of a server, a step at a time; what it does is decided by the seed alone.

    :param folder: for the files that are loaded.
    """

    def __init__(self, server: Server, folder: Path, seed: int) -> None:
        self._server = server
        self._folder = folder
        self._random = random.Random(seed)
        self._count = 0
        self._steps: list[Callable[[], list[str]]] = [
            self._rows,
            self._rows,
            self._all_types,
            self._transaction,
            self._definitions,
            self._by_statement,
            self._mixed,
            self._distributed,
            self._large,
            self._objects,
            self._emptied,
            self._other_database,
        ]
        self.done: list[str] = []

    def prepare(self) -> None:
        """Make the databases that :meth:`step` works in."""
        self._server.execute("SET GLOBAL local_infile = 1", "SET GLOBAL log_bin_trust_function_creators = 1")
        self._server.execute("CREATE DATABASE other", "CREATE TABLE other.x (a INT PRIMARY KEY AUTO_INCREMENT)")
        self._server.execute("CREATE DATABASE d CHARACTER SET utf8mb4")
        self._server.execute(*FIRST, database="d")

    def step(self) -> None:
        """One kind of change, maybe of several transactions, maybe into a new file."""
        self._count += 1
        if self._count % 7 == 3:
            self.done.append("load")
            self._load()
        else:
            step = self._random.choice(self._steps)
            self.done.append(step.__name__)
            self._server.execute(*self._session(), *step(), database="d")
        if self._random.random() < 0.2:
            self._server.execute("FLUSH BINARY LOGS")

    def _session(self) -> list[str]:
        """How the step's rows are logged."""
        chosen = []
        if self._random.random() < 0.2:
            chosen.append("SET SESSION binlog_row_image = 'MINIMAL'")
        if self._server.flavor == "mysql" and self._server.version[0] >= 8:
            if self._random.random() < 0.3:
                chosen.append("SET SESSION binlog_transaction_compression = 1")
            if self._random.random() < 0.2:
                chosen.append("SET SESSION binlog_row_value_options = 'PARTIAL_JSON'")
            if self._random.random() < 0.2:
                chosen.append("SET SESSION gtid_next = 'AUTOMATIC:tagged'")
        elif self._server.flavor == "mariadb":
            on = int(self._random.random() < 0.3)
            chosen += ["SET GLOBAL log_bin_compress_min_len = 10", f"SET GLOBAL log_bin_compress = {on}"]
        return chosen

    def _number(self) -> int:
        return self._random.randrange(10**6)

    def _rows(self) -> list[str]:
        chosen = self._random.sample(
            [
                f"INSERT INTO t (b, c) SELECT HEX(a * {self._number()}), a * 1.5 FROM t UNION SELECT 'one', 1",
                "UPDATE t SET b = CONCAT(LEFT(b, 500), 'x') WHERE a % 3 = 1",
                "DELETE FROM t WHERE a % 5 = 2",
                "INSERT INTO t (d) VALUES (NOW(6))",
                f"REPLACE INTO t (a, b) VALUES (1, '{self._number()}')",
                f"INSERT INTO t (a, b) VALUES (1, 'x') ON DUPLICATE KEY UPDATE b = '{self._number()}'",
            ],
            self._random.randrange(1, 4),
        )
        return [*chosen, f"DELETE FROM t WHERE a > 2 ORDER BY a DESC LIMIT {_MOST_ROWS}"] if self._many() else chosen

    def _many(self) -> bool:
        return int(self._server.execute("SELECT COUNT(*) FROM d.t")[0][0]) > _MOST_ROWS

    def _all_types(self) -> list[str]:
        document = f'{{"b": "{self._number()}", "long": "{"y" * 300}"}}'
        return [
            f"INSERT INTO wide VALUES {ROW}, {NULLS}",
            f"UPDATE wide SET b = 'u', s = '{document}', p = NULL WHERE a % 3 = {self._random.randrange(3)}",
            f"UPDATE wide SET s = JSON_SET(s, '$.b', {self._number()}) WHERE s IS NOT NULL",
            f"DELETE FROM wide WHERE a % 4 = {self._random.randrange(4)}",
        ]

    def _transaction(self) -> list[str]:
        end = self._random.choice(["COMMIT", "ROLLBACK"])
        return [
            "BEGIN",
            f"INSERT INTO t (b) VALUES ('{self._number()}'), ('{self._number()}')",
            "SAVEPOINT here",
            "UPDATE t SET c = 7 WHERE a % 2 = 0",
            *(["ROLLBACK TO SAVEPOINT here"] if self._random.random() < 0.5 else []),
            # MySQL with GTIDs refuses both kinds of tables in one transaction.
            *(["INSERT INTO unsafe VALUES (1, 'stays')"] if self._server.flavor == "mariadb" else []),
            "DELETE FROM t WHERE a % 11 = 5",
            end,
        ]

    def _definitions(self) -> list[str]:
        name = f"t{self._number()}"
        made = [
            f"CREATE TABLE {name} (a INT PRIMARY KEY, b VARCHAR(20) CHARACTER SET latin1, c INT AS (a + 1))",
            f"INSERT INTO {name} (a, b) VALUES (1, 'ä'), (2, NULL)",
        ]
        return made + self._random.choice(
            [
                [],
                [f"ALTER TABLE {name} ADD e TIMESTAMP NULL, ADD KEY (b)", f"UPDATE {name} SET b = 'z'"],
                [f"RENAME TABLE {name} TO {name}_renamed", f"INSERT INTO {name}_renamed (a) VALUES (3)"],
                [f"TRUNCATE TABLE {name}", f"INSERT INTO {name} (a) VALUES (9)"],
                [f"DROP TABLE {name}"],
                [f"CREATE TABLE {name}_copied {self._copying()}", f"CREATE TABLE {name}_like LIKE {name}"],
            ]
        )

    def _copying(self) -> str:
        # MySQL 5.7 with GTIDs refuses to make a table and fill it in one statement.
        refused = self._server.flavor == "mysql" and self._server.version[0] < 8
        return "(a INT)" if refused else "AS SELECT a, b FROM t"

    def _by_statement(self) -> list[str]:
        return [
            "SET SESSION binlog_format = STATEMENT",
            f"SET @s = _utf8mb4'größe' COLLATE utf8mb4_bin, @i = {self._number()}, @f = 1.5e10",
            "INSERT INTO t (b, c) VALUES (@s, @f)",
            "INSERT INTO t (b, c) VALUES (CONCAT('it''s \\\\ ', @i), RAND())",
            f"SET time_zone = '+05:30', timestamp = 1700000000.{self._number():06}",
            "INSERT INTO t (d) VALUES (NOW(6))",
            # What is quoted by an ANSI_QUOTES session is refused where the replay is of one database.
            "SET sql_mode = 'PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES'",
            "INSERT INTO t (b) VALUES ('quo' || 'ted')",
            "SET NAMES latin1",
            b"UPDATE t SET b = 'r\\u00f6m' WHERE a = 2".decode("unicode_escape"),
        ]

    def _mixed(self) -> list[str]:
        return [
            "SET SESSION binlog_format = MIXED",
            "CREATE TEMPORARY TABLE passing AS SELECT a, b FROM t",
            "UPDATE t SET b = CONCAT(LEFT(b, 100), 'm') WHERE a < 5",
            "INSERT INTO t (b) SELECT CONCAT(UUID(), b) FROM passing LIMIT 2",
            "DROP TEMPORARY TABLE passing",
            "INSERT INTO t (b) VALUES (CURRENT_USER())",
        ]

    def _distributed(self) -> list[str]:
        name = f"'x{self._number()}', 'y', 3"
        return [
            f"XA START {name}",
            "INSERT INTO t (b) VALUES ('xa'), ('xa too')",
            "UPDATE t SET c = 1 WHERE a < 3",
            f"XA END {name}",
            f"XA PREPARE {name}",
            f"XA {self._random.choice(['COMMIT', 'COMMIT', 'ROLLBACK'])} {name}",
        ]

    def _large(self) -> list[str]:
        size = self._random.choice([10_000, 100_000, 1_000_000])
        return [
            f"INSERT INTO t (b) VALUES (REPEAT('{self._number():06}', {size // 6}))",
            "INSERT INTO t (b) SELECT REPEAT(HEX(a), 500) FROM wide",
            "UPDATE t SET c = 3",
            "DELETE FROM t WHERE LENGTH(b) > 1000",
        ]

    def _objects(self) -> list[str]:
        number = self._number()
        return [
            f"CREATE OR REPLACE VIEW v AS SELECT a, {number} AS n FROM t",
            "DROP TRIGGER IF EXISTS g",
            f"CREATE TRIGGER g BEFORE INSERT ON unsafe FOR EACH ROW SET NEW.b = CONCAT(NEW.b, '{number}')",
            f"CREATE PROCEDURE p{number}(x INT) BEGIN INSERT INTO t (b) VALUES (x); DELETE FROM unsafe; END",
            f"CALL p{number}({number})",
            "INSERT INTO unsafe VALUES (2, 'triggered')",
        ]

    def _emptied(self) -> list[str]:
        return ["DELETE FROM unsafe", "TRUNCATE TABLE wide", "ALTER TABLE t COMMENT = 'again'", "ANALYZE TABLE t"]

    def _other_database(self) -> list[str]:
        return ["INSERT INTO other.x VALUES (NULL)", "BEGIN", "INSERT INTO t (b) VALUES ('both')"] + [
            "INSERT INTO other.x VALUES (NULL)",
            "COMMIT",
        ]

    def _load(self) -> None:
        path = self._folder / "rows.txt"
        path.write_text("".join(f"{self._number()},it's {'x' * self._random.randrange(90)}\\n\n" for _row in range(20)))
        by = self._random.choice(["STATEMENT", "ROW", "MIXED"])
        with self._server.connect("d", local_infile=True) as connection:
            cursor = connection.cursor()
            cursor.execute(f"SET SESSION binlog_format = {by}")
            cursor.execute(f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE t FIELDS TERMINATED BY ',' (c, b)")


def state(server: Server) -> dict[str, Any]:
    """Every table's definition and rows and every program's text in the database ``d``."""
    with server.connect("d") as connection, connection.cursor() as cursor:

        def rows_of(query: str) -> list[tuple[Any, ...]]:
            cursor.execute(query)
            return list(cursor.fetchall())

        found: dict[str, Any] = {}
        for name, kind in rows_of("SHOW FULL TABLES"):
            _name, made, *_rest = rows_of(f"SHOW CREATE TABLE `{name}`")[0]
            # Rows that are applied reserve no numbers ahead, as statements do.
            found[name] = re.sub(r" AUTO_INCREMENT=\d+", "", made)
            if kind == "BASE TABLE":
                # By their text: HEX of a number is that of its integer.
                shown = ", ".join(
                    f"HEX(CONCAT(`{column}`))" for column, *_rest in rows_of(f"SHOW COLUMNS FROM `{name}`")
                )
                rows = rows_of(f"SELECT {shown} FROM `{name}`")
                found[f"rows of {name}"] = sorted((tuple(map(_short, row)) for row in rows), key=str)
        for kind, text in (("routine", "routine_definition"), ("trigger", "action_statement")):
            query = f"SELECT {kind}_name, {text} FROM information_schema.{kind}s WHERE {kind}_schema = 'd' ORDER BY 1"
            found[f"{kind}s"] = rows_of(query)
    return found


def _short(value: str | None) -> str | None:
    if value is None or len(value) <= _SHOWN:
        return value
    return f"{len(value)} of {hashlib.sha256(value.encode('ascii')).hexdigest()}"
