# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A table with every type of column that a server has, and random values for it, their borders among them."""

from __future__ import annotations

import json
import random
import re
import struct

from tests.servers import Server

COLUMNS = {
    "tiny": "TINYINT",
    "small": "SMALLINT",
    "medium": "MEDIUMINT",
    "whole": "INT",
    "big": "BIGINT",
    "utiny": "TINYINT UNSIGNED",
    "usmall": "SMALLINT UNSIGNED",
    "umedium": "MEDIUMINT UNSIGNED ZEROFILL",
    "uwhole": "INT UNSIGNED",
    "ubig": "BIGINT UNSIGNED",
    "single": "FLOAT",
    "dbl": "DOUBLE",
    "dec1": "DECIMAL(30,10)",
    "dec2": "DECIMAL(9,0) UNSIGNED ZEROFILL",
    "dec3": "DECIMAL(65,30)",
    "dec4": "DECIMAL(4,4)",
    "bit1": "BIT(1)",
    "bit13": "BIT(13)",
    "bit64": "BIT(64)",
    "dt0": "DATETIME",
    "dt1": "DATETIME(1)",
    "dt3": "DATETIME(3)",
    "dt6": "DATETIME(6)",
    "ts0": "TIMESTAMP NULL",
    "ts5": "TIMESTAMP(5) NULL",
    "tm0": "TIME",
    "tm1": "TIME(1)",
    "tm4": "TIME(4)",
    "tm6": "TIME(6)",
    "dat": "DATE",
    "yr": "YEAR",
    "vc": "VARCHAR(20)",
    "vl": "VARCHAR(400)",
    "ch": "CHAR(10)",
    "cl": "CHAR(90)",
    "latin": "CHAR(10) CHARACTER SET latin1",
    "sjis": "VARCHAR(20) CHARACTER SET sjis",
    "ucs": "TEXT CHARACTER SET ucs2",
    "bin": "BINARY(5)",
    "vb": "VARBINARY(300)",
    "tb": "TINYBLOB",
    "bl": "BLOB",
    "mb": "MEDIUMBLOB",
    "lt": "LONGTEXT",
    "en": "ENUM('a','b','','é')",
    "st": "SET('x','y','z')",
    "geo": "GEOMETRY",
}
_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}


def columns_of(server: Server) -> dict[str, str]:
    """The columns that a server has beyond those that all have, too."""
    found = dict(COLUMNS)
    if server.flavor == "mariadb":
        found |= {"ip6": "INET6", "vcc": "VARCHAR(1000) COMPRESSED", "blc": "BLOB COMPRESSED", "tc": "TEXT COMPRESSED"}
        if server.version >= (10, 7):
            found |= {"uid": "UUID"}
        if server.version >= (10, 10):
            found |= {"ip4": "INET4"}
        if server.version >= (11, 7):
            found |= {"vec": "VECTOR(3) NOT NULL"}
    else:
        found |= {"doc": "JSON"}
        if server.version >= (9, 0):
            found |= {"vec": "VECTOR(3)"}
    return found


def random_value(rnd: random.Random, kind: str) -> str:
    """A value for a column of a type, as SQL."""
    if "NOT NULL" not in kind and rnd.random() < 0.1:
        return "NULL"
    name = re.match(r"\w+", kind.lower())
    assert name
    maker = _MAKERS.get(name[0])
    return maker(rnd, kind) if maker else _number(rnd, kind, _BITS[name[0]])


def _number(rnd: random.Random, kind: str, bits: int) -> str:
    low, high = (0, 2**bits - 1) if "UNSIGNED" in kind else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return str(rnd.choice([low, high, 0, rnd.randint(low, high)]))


def _decimal(rnd: random.Random, kind: str) -> str:
    precision, scale = map(int, re.findall(r"\d+", kind))
    whole = "".join(rnd.choices("0123456789", k=rnd.randint(0, precision - scale)))
    fraction = "".join(rnd.choices("0123456789", k=rnd.randint(0, scale)))
    sign = "" if "UNSIGNED" in kind else rnd.choice(["-", ""])
    return f"{sign}{whole or '0'}.{fraction or '0'}"


def _float(rnd: random.Random, _kind: str) -> str:
    value = rnd.choice([0.0, 1.5, 16777217.0, rnd.uniform(-1e30, 1e30), rnd.random()])
    return repr(struct.unpack("<f", struct.pack("<f", value))[0])


def _double(rnd: random.Random, _kind: str) -> str:
    value = rnd.choice([0.0, -0.0, 1e300, 5e-324, 1e15, 1e16, rnd.uniform(-1e30, 1e30), rnd.random()])
    return f"{value!r}" if "e" in f"{value!r}" else f"{value!r}e0"


def _bit(rnd: random.Random, kind: str) -> str:
    bits = int(kind[4:-1])
    return str(rnd.choice([0, 2**bits - 1, rnd.randrange(2**bits)]))


def _fraction(rnd: random.Random, kind: str) -> str:
    digits = re.search(r"\((\d)\)", kind)
    return "." + "".join(rnd.choices("0123456789", k=int(digits[1]))) if digits else ""


def _time(rnd: random.Random, kind: str) -> str:
    clock = f"{rnd.randint(0, 837)}:{rnd.randint(0, 59):02}:{rnd.randint(0, 59):02}"
    return f"'{rnd.choice(['', '-'])}{rnd.choice([clock, '0:00:00'])}{_fraction(rnd, kind)}'"


def _datetime(rnd: random.Random, kind: str) -> str:
    whole = rnd.choice(["9999-12-31 23:59:59", "2020-00-03 10:11:12", "1000-01-01 00:00:00", "0000-00-00 00:00:00"])
    return f"'{whole}{_fraction(rnd, kind)}'" if whole > "0001" else f"'{whole}'"


def _timestamp(rnd: random.Random, kind: str) -> str:
    whole = rnd.choice(["2038-01-19 03:14:07", "1970-01-01 00:00:01", "2020-05-06 10:11:12"])
    return rnd.choice(["'0000-00-00 00:00:00'", f"'{whole}{_fraction(rnd, kind)}'"])


def _text(rnd: random.Random, kind: str) -> str:
    if "CHARACTER SET" in kind:
        return rnd.choice(["''", "'a b'", "_utf8mb4 'ä '", "_utf8mb4'日本'", "'\\\\'"])
    return rnd.choice(["''", "'a'", "'ä  '", "'日本😀'", "' x''\\\\\\n'", "REPEAT('q', 300)", "'\\0'", "0xFF"])


def _bytes(rnd: random.Random, _kind: str) -> str:
    size = rnd.choice([0, 1, 3, 5, 200, 300])
    return rnd.choice([f"0x{rnd.randbytes(size).hex()}", "0x61000000"]) if size else "''"


def _document(rnd: random.Random, _kind: str) -> str:
    made = rnd.choice(
        [
            "JSON_OBJECT('d', CAST('2020-01-02' AS DATE), 't', CAST('-10:11:12.5' AS TIME(6)))",
            "JSON_ARRAY(1.10, CAST('2020-01-02 03:04:05.678' AS DATETIME(6)), JSON_OBJECT('x', 1234567890123456789.5))",
            "JSON_ARRAY(CAST(18446744073709551615 AS UNSIGNED), true, 1e100, -1e-100, 0.1e0, 1e15, 1e14, 123456789e0)",
            "",
        ]
    )
    if made:
        return made
    return "'" + json.dumps(_tree(rnd, 0)).replace("\\", "\\\\").replace("'", "''") + "'"


def _tree(rnd: random.Random, depth: int) -> object:
    kind = rnd.randrange(9 if depth < 3 else 7)
    if kind == 7:
        return [_tree(rnd, depth + 1) for _each in range(rnd.randrange(5))]
    if kind == 8:
        return {"".join(rnd.choices("abé'\"", k=rnd.randrange(6))): _tree(rnd, depth + 1) for _each in range(5)}
    text = rnd.choice(["", "é", '\u0001\t"\\/', "x" * 200, "😀", "y" * 70000 if depth == 1 else "z"])
    number = rnd.choice([rnd.random(), 10.0 ** rnd.randint(-30, 30), rnd.uniform(-1e9, 1e9), 1.5e-14, 1.5e-16])
    return [None, True, False, rnd.randint(-(2**63), 2**64 - 1), rnd.randint(-40000, 70000), number, text][kind]


_MAKERS = {
    "float": _float,
    "double": _double,
    "decimal": _decimal,
    "bit": _bit,
    "datetime": _datetime,
    "timestamp": _timestamp,
    "time": _time,
    "date": lambda rnd, _kind: rnd.choice(["'0000-00-00'", "'9999-12-31'", "'2020-00-00'", "'2024-02-29'"]),
    "year": lambda rnd, _kind: rnd.choice(["0", "1901", "2155", "2020"]),
    "enum": lambda rnd, _kind: rnd.choice(["'a'", "'b'", "''", "'é'", "'wrong'"]),
    "set": lambda rnd, _kind: rnd.choice(["''", "'x'", "'x,z'", "'x,y,z'"]),
    "geometry": lambda rnd, _kind: rnd.choice(
        ["ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('LINESTRING(0 0,1 1,2 2)', 4326)"]
    ),
    "char": _text,
    "varchar": _text,
    "text": _text,
    "longtext": _text,
    "binary": _bytes,
    "varbinary": _bytes,
    "tinyblob": _bytes,
    "blob": _bytes,
    "mediumblob": _bytes,
    "json": _document,
    "inet6": lambda rnd, _kind: rnd.choice(["'::'", "'fe80::1'", "'2001:db8::ff00:0:0'", "'::ffff:1.2.3.4'"]),
    "inet4": lambda rnd, _kind: rnd.choice(["'0.0.0.0'", "'10.0.0.0'", "'255.255.255.255'"]),
    "uuid": lambda rnd, _kind: rnd.choice(
        ["'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000000'", "UUID()"]
    ),
    "vector": lambda rnd, kind: f"{'VEC_FromText' if 'NOT' in kind else 'STRING_TO_VECTOR'}('[1,-2.5,3e-9]')",
}
