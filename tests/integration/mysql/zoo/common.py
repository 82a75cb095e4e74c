# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every server from MySQL 5.7 and MariaDB 10.5 on can hold."""

# ruff: noqa: E501
from __future__ import annotations

from collections.abc import Iterator

ALL_BYTES = bytes(range(256)).hex()
HOSTILE = "``we'ird \"`` na;me\n-- DROP TABLE x; /* é日"

TABLES = [
    """CREATE TABLE numbers (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, ti TINYINT, tu TINYINT UNSIGNED, si SMALLINT,
    mi MEDIUMINT UNSIGNED, bi BIGINT, bu BIGINT UNSIGNED, z INT(8) UNSIGNED ZEROFILL, de DECIMAL(65,30), d0 DECIMAL(10,0),
    f FLOAT, fm FLOAT(7,3), d DOUBLE, dm DOUBLE(20,4), b1 BIT(1), b10 BIT(10), b64 BIT(64), bo BOOL, y YEAR)""",
    """CREATE TABLE times (id INT PRIMARY KEY, d DATE, dt DATETIME, dt6 DATETIME(6), ts TIMESTAMP NULL DEFAULT NULL,
    ts3 TIMESTAMP(3) NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP(3), t TIME, t6 TIME(6))""",
    """CREATE TABLE texts (id INT PRIMARY KEY, u4 VARCHAR(200) CHARACTER SET utf8mb4, u3 VARCHAR(100) CHARACTER SET utf8,
    l1 VARCHAR(300) CHARACTER SET latin1, cp VARCHAR(50) CHARACTER SET cp932, gb TEXT CHARACTER SET gbk,
    u2 VARCHAR(50) CHARACTER SET ucs2, k8 CHAR(50) CHARACTER SET koi8r, sj MEDIUMTEXT CHARACTER SET sjis,
    asc_ CHAR(20) CHARACTER SET ascii, bin_ VARCHAR(20) COLLATE utf8mb4_bin, tiny TINYTEXT, long_ LONGTEXT)
    DEFAULT CHARSET=utf8mb4 COMMENT='it''s a "comment"; -- \\\\ `x`'""",
    """CREATE TABLE bytes_ (id INT PRIMARY KEY, bi BINARY(5), vb VARBINARY(300), tb TINYBLOB, b BLOB, mb MEDIUMBLOB,
    lb LONGBLOB, cb VARCHAR(20) CHARACTER SET binary)""",
    """CREATE TABLE members (id INT PRIMARY KEY, e ENUM('a','it''s','b,c','','é') CHARACTER SET utf8mb4,
    plain_e ENUM('x','y'), s SET('a','b','c d'), se SET('','q') , ecp ENUM('a','b') CHARACTER SET cp932)""",
    """CREATE TABLE shapes (id INT PRIMARY KEY, g GEOMETRY, p POINT NOT NULL, l LINESTRING, po POLYGON, mp MULTIPOINT,
    ml MULTILINESTRING, mpo MULTIPOLYGON, gc GEOMETRYCOLLECTION, SPATIAL INDEX (p)) ENGINE=InnoDB""",
    """CREATE TABLE made (a INT, v INT AS (a + 1) VIRTUAL, s INT AS (a * 2) STORED, t VARCHAR(20), INDEX (s))""",
    """CREATE TABLE jsons (id INT PRIMARY KEY, j JSON)""",
    f"""CREATE TABLE `{HOSTILE}` (`{HOSTILE}` INT PRIMARY KEY, `order` VARCHAR(20), ` leading` INT, `a.b` INT,
    KEY `ke``y` (`order`)) COMMENT='x'""",
    """CREATE TABLE `select` (`from` INT, `where` INT)""",
    """CREATE TABLE no_rows (a INT, b BLOB)""",
    """CREATE TABLE one_column (a VARCHAR(10))""",
    """CREATE TABLE by_range (id INT, d DATE, PRIMARY KEY (id, d)) PARTITION BY RANGE (YEAR(d)) SUBPARTITION BY HASH (id)
    SUBPARTITIONS 2 (PARTITION p0 VALUES LESS THAN (2000), PARTITION p1 VALUES LESS THAN MAXVALUE)""",
    """CREATE TABLE by_list (c VARCHAR(10)) PARTITION BY LIST COLUMNS (c)
    (PARTITION `p'1` VALUES IN ('a', 'it''s'), PARTITION p2 VALUES IN ('é', NULL))""",
    """CREATE TABLE by_key (id INT PRIMARY KEY) PARTITION BY KEY () PARTITIONS 3""",
    """CREATE TABLE circle_a (id INT PRIMARY KEY, b INT, KEY (b))""",
    """CREATE TABLE circle_b (id INT PRIMARY KEY, a INT, up INT, CONSTRAINT `b to a` FOREIGN KEY (a) REFERENCES circle_a (id)
    ON DELETE CASCADE, FOREIGN KEY (up) REFERENCES circle_b (id) ON DELETE SET NULL)""",
    """ALTER TABLE circle_a ADD CONSTRAINT a_to_b FOREIGN KEY (b) REFERENCES circle_b (id)""",
    """CREATE TABLE myisam_rows (id INT PRIMARY KEY AUTO_INCREMENT, t TEXT) ENGINE=MyISAM""",
    """CREATE TABLE searched (id INT PRIMARY KEY, t TEXT, FULLTEXT `f't` (t)) ENGINE=InnoDB""",
    """CREATE TABLE memory_rows (id INT) ENGINE=MEMORY""",
    """CREATE TABLE csv_rows (id INT NOT NULL, t VARCHAR(20) NOT NULL) ENGINE=CSV""",
    """CREATE TABLE merged (id INT PRIMARY KEY AUTO_INCREMENT, t TEXT) ENGINE=MERGE UNION=(myisam_rows)""",
    """CREATE TABLE many (id INT PRIMARY KEY, grp INT, txt VARCHAR(120), n DECIMAL(12,4), b VARBINARY(40))""",
    """CREATE TABLE large (id INT PRIMARY KEY, t LONGTEXT, b LONGBLOB, c LONGTEXT CHARACTER SET cp932, after_ INT)""",
    """CREATE TABLE nulls (a INT, b VARCHAR(5), c BLOB, d DOUBLE, e DATE, f BIT(3), g JSON, h LONGBLOB, i TEXT, j INT)""",
]

VALUES = [
    """INSERT INTO numbers VALUES (1,-128,255,-32768,16777215,-9223372036854775808,18446744073709551615,42,
    12345678901234567890123456789012345.123456789012345678901234567890,-9999999999,16777217,1.1,1.7976931348623157e308,
    1234567890.1234,b'1',b'1000100111',0xFFFFFFFFFFFFFFFF,true,2024)""",
    """INSERT INTO numbers VALUES (2,0,0,0,0,0,0,0,0,0,'-0',0,'-0',0,b'0',b'0',b'0',false,0)""",
    """INSERT INTO numbers (id, f, fm, d, b10, y) VALUES (3,3.4028234663852886e38,-0.001,5e-324,b'00100111',1901),
    (4,1.17549435e-38,9999.999,0.1,0x5C,2155),(5,123456789,NULL,-1e-300,0,NULL),(6,0.333333333,1,1e15,NULL,NULL)""",
    "INSERT INTO numbers (id) VALUES (-5)",
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
    "INSERT INTO numbers (id, ti) VALUES (0, 7)",
    "SET SESSION sql_mode = ''",
    "SET time_zone = '+00:00'",
    # The hour that Central Europe has twice, and the one that it does not have.
    """INSERT INTO times VALUES (1,'2024-02-29','2024-10-27 02:30:00','2024-10-27 02:30:00.123456','2024-10-27 00:30:00',
    '2024-10-27 00:30:00.125','-838:59:59','12:34:56.654321'),(2,'0000-00-00','0000-00-00 00:00:00','2024-00-00 00:00:00',
    '2024-10-27 01:30:00','2024-10-27 01:30:00.999','00:00:00','-00:00:00.000001'),
    (3,'9999-12-31','9999-12-31 23:59:59','2024-03-31 02:30:00','2024-03-31 01:30:00','1970-01-01 00:00:01','838:59:59',
    '0:0:0'),(4,'2024-00-10','1000-01-01','0000-00-00','0000-00-00','0000-00-00',NULL,NULL),
    (5,NULL,NULL,NULL,'2038-01-19 03:14:07',NULL,NULL,NULL)""",
    f"INSERT INTO texts (id, l1, u4) VALUES (1, _latin1 0x{ALL_BYTES}, '😀 é \\0 \\Z \\n \\r \\t \\\\ '' \\\" ` % _ NULL')",
    """INSERT INTO texts VALUES (2,'','','','','','','','','','','',''),
    (3,'Привет мир, это длинный текст','Кириллица','Grüße',_cp932 0x8790,_gbk 0xD65C816081A0,_ucs2 0x0041D8000020,
    'привет',_sjis 0x835C955C,'abc','ÄÖ','日本語','日本語'),
    (4,NULL,NULL,NULL,_cp932 0x81E0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL),
    (5,'\\\\','''','"',_cp932 0x835C,'''','''','''','''','''','''','''','''')""",
    "INSERT INTO texts (id, l1) VALUES (6, REPEAT('x', 250)), (7, REPEAT('y', 251)), (8, REPEAT('z', 252))",
    f"""INSERT INTO bytes_ VALUES (1,0x27,0x{ALL_BYTES},0x00,0x5C27,0x0A0D1A,0x{ALL_BYTES},0xFF00),
    (2,'','','','','','',''),(3,NULL,NULL,NULL,NULL,NULL,NULL,NULL),
    (4,0x2700000000,0x27,0x27,0x27,0x27,0x27,0x27),(5,'abc','printable','text','text','text','text','text')""",
    """INSERT INTO members VALUES (1,'a','x','a,b','q','a'),(2,'it''s','y','c d',',q','b'),(3,'','zzz','','',''),
    (4,0,0,0,0,0),(5,'é',NULL,NULL,NULL,NULL),(6,'b,c','x','a,b,c d','q','a')""",
    """INSERT INTO shapes VALUES (1,ST_GeomFromText('POINT(1 2)'),ST_GeomFromText('POINT(0.1 -0.1)'),
    ST_GeomFromText('LINESTRING(0 0,1 1,2 2)'),ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,7 5,7 7,5 7,5 5))'),
    ST_GeomFromText('MULTIPOINT(0 0,20 20)'),ST_GeomFromText('MULTILINESTRING((10 48,10 21),(16 0,16 23))'),
    ST_GeomFromText('MULTIPOLYGON(((28 26,28 0,84 0,84 42,28 26)))'),
    ST_GeomFromText('GEOMETRYCOLLECTION(POINT(0 0),LINESTRING(15 15,20 20))')),
    (2,NULL,ST_GeomFromText('POINT(1 2)'),NULL,NULL,NULL,NULL,NULL,NULL)""",
    "INSERT INTO made (a, t) VALUES (1, 'x'), (NULL, NULL), (-7, '')",
    """INSERT INTO jsons VALUES (1,'{"a": [1, 2.5, null, true, "it\\'s \\\\\\\\ \\\\n é😀"], "b": {}}'),(2,'[]'),(3,'"x"'),
    (4,'null'),(5,NULL),(6,'123456789.123456789')""",
    f"INSERT INTO `{HOSTILE}` VALUES (1, 'a', 2, 3), (2, NULL, NULL, NULL)",
    "INSERT INTO `select` VALUES (1, 2)",
    "INSERT INTO one_column VALUES (NULL), (''), ('NULL'), ('x')",
    "INSERT INTO by_range VALUES (1, '1999-01-01'), (2, '2024-01-01')",
    "INSERT INTO by_list VALUES ('a'), ('it''s'), ('é'), (NULL)",
    "INSERT INTO by_key VALUES (1), (2), (3), (4)",
    "SET foreign_key_checks = 0",
    "INSERT INTO circle_a VALUES (1, 1), (2, NULL)",
    "INSERT INTO circle_b VALUES (1, 1, 1), (2, 2, 1)",
    "SET foreign_key_checks = 1",
    "INSERT INTO myisam_rows (t) VALUES ('one'), ('two')",
    "INSERT INTO memory_rows VALUES (1), (2)",
    "INSERT INTO csv_rows VALUES (1, 'a,\"b\\n')",
    "INSERT INTO nulls VALUES (NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL)",
    "INSERT INTO nulls SELECT a.* FROM nulls a, numbers b, numbers c",
]


def big_rows() -> Iterator[str]:
    """Rows beyond one batch, one statement and one packet's share."""
    for start in range(0, 20_000, 4_000):
        rows = ",".join(
            f"({n},{n % 7},{'NULL' if n % 5 == 0 else repr('text of ' + 'x' * (n % 90) + str(n))},{n}.25,0x{n:08x})"
            for n in range(start, start + 4_000)
        )
        yield f"INSERT INTO many VALUES {rows}"
    yield "INSERT INTO large VALUES (1, REPEAT('é''\\\\\\n', 100000), REPEAT(0x0027FF5C, 100000), 'a', 1)"
    yield "INSERT INTO large VALUES (2, NULL, NULL, REPEAT(_cp932 0x835C, 200000), 2), (3, '', '', '', 3)"
    yield "INSERT INTO large VALUES (4, REPEAT('x', 262144), REPEAT(0x27, 262144), NULL, NULL)"
    yield "INSERT INTO large VALUES (5, REPEAT('x', 70000), REPEAT(0x00, 262145), REPEAT('y', 262145), 5)"
    yield "INSERT INTO large VALUES (6, 'small again', 0x01, 'z', 6)"


PROGRAMS = [
    # Names in the reverse order of what uses what.
    "CREATE VIEW z_base AS SELECT id, u4 FROM texts",
    "CREATE VIEW m_middle AS SELECT id AS `number of ``it```, u4 FROM z_base WHERE id > 0",
    """CREATE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW a_top AS SELECT * FROM m_middle WHERE u4 <> 'x;''' WITH LOCAL
    CHECK OPTION""",
    """CREATE FUNCTION `f'n`(a INT, b VARCHAR(10) CHARACTER SET latin1) RETURNS VARCHAR(20) CHARACTER SET utf8mb4
    DETERMINISTIC RETURN CONCAT(a, b)""",
    "CREATE FUNCTION counts() RETURNS INT READS SQL DATA RETURN (SELECT COUNT(*) FROM a_top)",
    "CREATE VIEW b_calls AS SELECT `f'n`(1, 'x') AS x, counts() AS n",
    f"CREATE VIEW `v {HOSTILE}` AS SELECT `{HOSTILE}` FROM `{HOSTILE}`",
    """CREATE PROCEDURE delimiters(INOUT x INT, OUT y TEXT) COMMENT 'it''s; a // comment $$'
    BEGIN
      -- a line comment; with ' and ;; and $$
      # another // one
      /* block ; ' comment || */
      DECLARE v VARCHAR(20) DEFAULT ';; // $$ ||';
      SET x = x + 1, y = '\\\\;\\'';
      IF x > 3 THEN SELECT 1; ELSE SELECT 2; END IF;
    END""",
    "CREATE PROCEDURE ends_in_comment() SELECT 1 -- the end; of it",
    "SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES'",
    """CREATE PROCEDURE ansi() SELECT "id" || 'a\\' FROM "numbers" """,
    "SET SESSION sql_mode = ''",
    "CREATE TRIGGER z_first BEFORE INSERT ON many FOR EACH ROW SET @order = CONCAT(@order, 'first;')",
    """CREATE TRIGGER a_second BEFORE INSERT ON many FOR EACH ROW BEGIN SET @order = CONCAT(@order, 'second');
    /* ; */ SET NEW.grp = NEW.grp; END""",
    "CREATE TRIGGER m_between BEFORE INSERT ON many FOR EACH ROW PRECEDES a_second SET @order = CONCAT(@order, 'between')",
    "CREATE TRIGGER after_it AFTER UPDATE ON numbers FOR EACH ROW INSERT INTO no_rows (a) VALUES (NEW.id)",
    "SET time_zone = '+05:30'",
    """CREATE EVENT `e ``v` ON SCHEDULE EVERY 1 HOUR STARTS '2030-01-01 00:00:00' ENDS '2031-01-01 00:00:00' DISABLE
    COMMENT 'c;' DO DELETE FROM no_rows WHERE a = 1""",
    "SET time_zone = '+00:00'",
    "CREATE EVENT at_once ON SCHEDULE AT '2035-05-05 05:05:05' ON COMPLETION PRESERVE DO BEGIN SELECT 1; SELECT ';'; END",
    "SET NAMES latin1",
    "CREATE VIEW latin AS SELECT 'plain' AS a, id FROM numbers",
    "CREATE PROCEDURE latin_proc() SELECT 'text'",
    "SET NAMES utf8mb4",
    # Characters whose second byte is a backslash or a back quote.
    "SET NAMES cp932",
    "CREATE PROCEDURE cp932_proc() SELECT '表' AS x, 'ソ;' AS `ラ`".encode("cp932"),
    "CREATE VIEW cp932_view AS SELECT '能表' AS x".encode("cp932"),
    "CREATE TRIGGER cp932_trigger AFTER DELETE ON numbers FOR EACH ROW SET @x = '構'".encode("cp932"),
    "SET NAMES gbk",
    "CREATE FUNCTION gbk_fn() RETURNS VARCHAR(20) CHARACTER SET gbk DETERMINISTIC RETURN '誠許功'".encode("gbk"),
    "SET NAMES utf8mb4",
    "CREATE VIEW accents AS SELECT 'é😀' AS a",
    "CREATE PROCEDURE accents() COMMENT 'ü' SELECT 'é日本'",
]
