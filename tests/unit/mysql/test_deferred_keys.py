# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from dbfleet.mysql.deferred_keys import defer, key_names, references

TABLE = b"""CREATE TABLE `a``b` (
  `id` int NOT NULL AUTO_INCREMENT,
  `b` varchar(20) DEFAULT NULL COMMENT 'x, KEY `z` (a)),',
  `key` int DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `u,(` (`id`,`b`(10) DESC) USING BTREE COMMENT 'a,b',
  KEY `bb` (`b`) /*!80000 INVISIBLE */,
  KEY `fn` ((cast(`key` as char(10)))),
  SPATIAL KEY `sp` (`b`),
  FULLTEXT KEY `ft` (`b`) /*!50100 WITH PARSER `ngram` */ ,
  FULLTEXT KEY `ft2` (`b`),
  CONSTRAINT `bb` FOREIGN KEY (`key`) REFERENCES `other` (`ID`) ON DELETE SET NULL,
  CONSTRAINT `chk` CHECK ((`key` > 0))
) ENGINE=InnoDB AUTO_INCREMENT=1001 COMMENT='KEY (x)'
/*!50100 PARTITION BY HASH (id) */"""


def test_keys_are_moved_as_they_are() -> None:
    keys = defer(TABLE, ())
    assert keys is not None
    assert keys.table == "a`b"
    assert keys.create == (
        TABLE[: TABLE.index(b",\n  UNIQUE")]
        + b",\n  CONSTRAINT `chk` CHECK ((`key` > 0))"
        + TABLE[TABLE.index(b"\n) ") :]
    )
    alter = b"ALTER TABLE `a``b` ADD "
    together = [
        b"UNIQUE KEY `u,(` (`id`,`b`(10) DESC) USING BTREE COMMENT 'a,b'",
        b"KEY `bb` (`b`) /*!80000 INVISIBLE */",
        b"KEY `fn` ((cast(`key` as char(10))))",
        b"SPATIAL KEY `sp` (`b`)",
    ]
    assert [one.statement for one in keys.keys] == [
        alter + b", ADD ".join(together),
        alter + b"FULLTEXT KEY `ft` (`b`) /*!50100 WITH PARSER `ngram` */",
        alter + b"FULLTEXT KEY `ft2` (`b`)",
    ]
    assert keys.foreign_keys is not None
    assert keys.foreign_keys.statement == (
        b"ALTER TABLE `a``b` ADD CONSTRAINT `bb` FOREIGN KEY (`key`) REFERENCES `other` (`ID`) ON DELETE SET NULL"
    )
    assert keys.names == {"u,(", "bb", "fn", "sp", "ft", "ft2", "foreign key bb"} == key_names(TABLE)
    assert key_names(keys.create) == frozenset()
    assert list(references(TABLE)) == [("other", ("id",))]


def table(*items: str, tail: str = "ENGINE=InnoDB") -> bytes:
    return f"CREATE TABLE `t` (\n  {', '.join(items)}\n) {tail}".encode()


ID = "`id` int NOT NULL AUTO_INCREMENT"
PRIMARY = "PRIMARY KEY (`id`)"


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        (table("`a` int", PRIMARY, "KEY `x` (`a`)"), {"x"}),
        # InnoDB orders the rows by the first unique key where there is no primary one.
        (table("`a` int", "UNIQUE KEY `u` (`a`)", "KEY `x` (`a`)"), {"x"}),
        # What AUTO_INCREMENT needs, and what stands before it.
        (table(ID, "PRIMARY KEY (`a`)", "KEY `w` (`a`)", "KEY `x` (`id`)", "KEY `y` (`a`)"), {"y"}),
        (table(ID, "PRIMARY KEY (`id`,`a`)", "KEY `x` (`id`)"), {"x"}),
        (table("`a` int", PRIMARY, "KEY `x` (`a`)", tail="ENGINE=MyISAM"), None),
        (table("`a` int", PRIMARY, "KEY `x` (`a`)", tail="ENGINE=InnoDB WITH SYSTEM VERSIONING"), None),
        (table("`a` int", PRIMARY, "KEY (`a`)"), None),
        (table("`a` int", PRIMARY), None),
        (table("`a` int", PRIMARY, "VECTOR KEY `v` (`a`)", "KEY `x` (`a`)"), None),
        (b"CREATE TABLE a LIKE b", None),
        (b"CREATE TABLE a AS SELECT (1) AS x", None),
        (b"CREATE TABLE a (KEY `x` (`a`)) SELECT 1", None),
    ],
)
def test_what_must_stay_stays(text: bytes, moved: set[str] | None) -> None:
    keys = defer(text, ())
    assert (None if keys is None else keys.names) == moved


def test_a_table_that_foreign_keys_lead_to_by_other_columns_keeps_its_keys() -> None:
    text = table("`a` int", "PRIMARY KEY (`id`,`a`)", "KEY `x` (`a`)")
    assert defer(text, [("t", ("id",)), ("other", ("a",))]) is not None
    assert defer(text, [("t", ("a",))]) is None
    assert defer(text, [("T".lower(), ("id", "a", "b"))]) is None
