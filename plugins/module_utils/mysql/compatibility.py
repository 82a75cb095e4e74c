# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a backup names that a target of another version or family does not know, and what could take its place.

Nothing is rewritten by itself: each problem comes with the option that would, word for word.
"""

from __future__ import annotations

import typing as t

from ..errors import DbfleetError, QueryError, UsageError
from ..lazy_dataclass import dataclass
from ..repository.records import Manifest
from .program_words import suspects
from .rewrite import CHARSET, COLLATION, ENGINE, NAME, SQL_MODE, TABLE_OPTION
from .session import Session

_UNKNOWN = frozenset({1273, 1115, 1253})
_SYNTAX = 1064
_NAMED_AT_MOST = 10
# The same rules in the other family or an older version, the nearest first; {} is the character set.
_INSTEAD = {
    "0900_ai_ci": ("uca1400_nopad_ai_ci", "uca1400_ai_ci", "unicode_520_ci", "unicode_ci"),
    "0900_as_ci": ("uca1400_nopad_as_ci", "unicode_520_ci", "unicode_ci"),
    "0900_as_cs": ("uca1400_nopad_as_cs", "bin"),
    "0900_bin": ("nopad_bin", "bin"),
    "uca1400_nopad_ai_ci": ("0900_ai_ci", "unicode_520_nopad_ci", "unicode_520_ci"),
    "uca1400_ai_ci": ("unicode_520_ci", "0900_ai_ci", "unicode_ci"),
    "uca1400_as_ci": ("0900_as_ci", "unicode_520_ci"),
    "uca1400_as_cs": ("0900_as_cs", "bin"),
    "uca1400_nopad_as_cs": ("0900_as_cs", "bin"),
    "nopad_bin": ("0900_bin", "bin"),
    "general_nopad_ci": ("general_ci",),
    "unicode_nopad_ci": ("unicode_ci",),
    "unicode_520_nopad_ci": ("unicode_520_ci",),
}
#: Options of tables that MySQL does not know.
MARIADB_OPTIONS = frozenset(
    {"page_checksum", "transactional", "page_compressed", "page_compression_level", "encrypted", "encryption_key_id"}
)
_CHARSETS = {"utf8mb3": "utf8", "utf8": "utf8mb3"}


class Needs(t.Protocol):
    """What a backup names, each with an object or statement that does."""

    @property
    def collations(self) -> t.Mapping[str, str]: ...
    @property
    def charsets(self) -> t.Mapping[str, str]: ...
    @property
    def engines(self) -> t.Mapping[str, str]: ...
    @property
    def sql_modes(self) -> t.Mapping[str, str]: ...
    @property
    def features(self) -> t.Mapping[str, str]: ...
    @property
    def words(self) -> t.Mapping[str, str]: ...
    @property
    def skipped_code(self) -> t.Mapping[tuple[bool, int, str], str]: ...
    @property
    def source(self) -> tuple[str, int] | None: ...


@dataclass(frozen=True)
class Problem:
    """Something that the target does not know.

    :param text: what, and where it is named.
    :param rewrite: what the option ``rewrite`` would have to say; empty where nothing can take its place.
    """

    text: str
    rewrite: str = ""


def problems(session: Session, needs: Needs) -> list[Problem]:
    """Everything that a backup needs and the target does not know. Reads only."""
    found = [*_collations(session, needs.collations), *_charsets(session, needs.charsets)]
    found += _engines(session, needs.engines)
    found += _sql_modes(session, needs.sql_modes)
    found += _reserved_words(session, needs)
    return found + _features(session, needs.features)


def check(session: Session, needs: Needs) -> None:
    """:raises UsageError: the target cannot hold the backup; the message names what, where and what would help."""
    found = problems(session, needs)
    if not found:
        return
    rewrites = [one.rewrite for one in found if one.rewrite]
    hint = "restore into a server that knows them; definitions are never rewritten silently"
    if rewrites:
        shown = "', '".join(rewrites)
        hint = f"restore into a server that knows them, or rewrite them on the way: rewrite: ['{shown}']"
    raise UsageError(
        f"the target ({session.version.product} {session.version.text}) cannot hold this backup: "
        + "; ".join(one.text for one in found[:_NAMED_AT_MOST]),
        hint=hint,
        problems=[one.text for one in found],
        rewrite=rewrites,
    )


def _collations(session: Session, wanted: t.Mapping[str, str]) -> list[Problem]:
    if not wanted:
        return []
    known = _lower(session, "SELECT COLLATION_NAME FROM information_schema.COLLATIONS")
    found = []
    for name, where in wanted.items():
        if name not in known and not _accepts_collation(session, name):
            charset, _underscore, rules = name.partition("_")
            candidates = [f"{charset}_{rule}" for rule in _INSTEAD.get(rules, ("unicode_ci", "general_ci"))]
            instead = next((one for one in candidates if one in known or _accepts_collation(session, one)), "")
            found.append(Problem(f"the collation {name} ({where})", instead and f"{COLLATION}:{name}={instead}"))
    return found


def _accepts_collation(session: Session, name: str) -> bool:
    # MariaDB lists a family of collations without the character set in front of their names, and knows aliases.
    charset = name.partition("_")[0]
    if not name.replace("_", "").isalnum() or not charset:
        return False
    try:
        session.execute(f"DO CONVERT('' USING {charset}) COLLATE {name}")
    except QueryError as error:
        if error.context.get("errno") in _UNKNOWN:
            return False
        raise
    return True


def _charsets(session: Session, wanted: t.Mapping[str, str]) -> list[Problem]:
    if not wanted:
        return []
    # The servers' two names for one set: the alias is accepted where the other is listed.
    known = _lower(session, "SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS") | set(_CHARSETS)
    return [
        Problem(f"the character set {name} ({where})", f"{CHARSET}:{name}=utf8mb4")
        for name, where in wanted.items()
        if name not in known
    ]


def _engines(session: Session, wanted: t.Mapping[str, str]) -> list[Problem]:
    if not wanted:
        return []
    known = _lower(session, "SELECT ENGINE FROM information_schema.ENGINES WHERE SUPPORT IN ('YES', 'DEFAULT')")
    return [
        Problem(f"the storage engine {name} ({where})", f"{ENGINE}:{name}=InnoDB")
        for name, where in wanted.items()
        if name not in known
    ]


def _sql_modes(session: Session, wanted: t.Mapping[str, str]) -> list[Problem]:
    found: dict[str, Problem] = {}
    for words, where in wanted.items():
        for word in filter(None, words.split(",")):
            if word not in found and not _knows_mode(session, word):
                found[word] = Problem(f"the sql_mode {word.upper()} ({where})", f"{SQL_MODE}:{word}=")
    return list(found.values())


def _knows_mode(session: Session, word: str) -> bool:
    if not word.replace("_", "").isalnum():
        return False
    session.execute("SET @dbfleet_sql_mode = @@SESSION.sql_mode")
    try:
        session.execute(f"SET SESSION sql_mode = '{word}'")
    except DbfleetError:
        return False
    finally:
        session.execute("SET SESSION sql_mode = @dbfleet_sql_mode")
    return True


def _features(session: Session, wanted: t.Mapping[str, str]) -> list[Problem]:
    if session.version.is_mariadb:
        return []
    return [
        Problem(
            f"{name} ({where}), which only MariaDB has",
            f"{TABLE_OPTION}:{name}=" if name in MARIADB_OPTIONS else "",
        )
        for name, where in wanted.items()
    ]


def _reserved_words(session: Session, needs: Needs) -> list[Problem]:
    wanted = suspects(needs.source, session.version.dbms)
    return [
        Problem(f"the name {word} without quotes ({where}), which is a reserved word there", f"{NAME}:{word}={word}")
        for word, where in needs.words.items()
        if word in wanted and _reserves(session, word)
    ]


def _reserves(session: Session, word: str) -> bool:
    try:
        session.query(f"SELECT 1 AS {word}")
    except QueryError as error:
        if error.context.get("errno") == _SYNTAX:
            return True
        raise
    return False


def left_out(session: Session, needs: Needs) -> list[str]:
    """What of tables' definitions the target passes over: code in comments for other servers than it."""
    return [
        f"{where}: the target leaves out {code!r}, which is for {'MariaDB' if only_mariadb else 'servers'} from "
        f"{version // 10000}.{version // 100 % 100}.{version % 100} on"
        for (only_mariadb, version, code), where in needs.skipped_code.items()
        if not _runs(session, version, only_mariadb=only_mariadb)
    ]


def _runs(session: Session, version: int, *, only_mariadb: bool) -> bool:
    if session.version.number < version or (only_mariadb and not session.version.is_mariadb):
        return False
    # MariaDB knows that MySQL went on from there with numbers of its own.
    return only_mariadb or not session.version.is_mariadb or not 50700 <= version <= 99999


def between_families(session: Session, manifest: Manifest | None) -> list[str]:
    """What to know about a restore between families or to an older version; what surely fails is refused elsewhere."""
    if manifest is None:
        return []
    source, target = manifest.server, session.version
    if source.dbms != target.dbms:
        return [f"the backup is of {source.dbms} {source.version}, the target is {target.product} {target.text}"]
    if target.number // 100 < source.version_number // 100:
        return [f"the target ({target.text}) is older than the server that was backed up ({source.version})"]
    return []


def _lower(session: Session, query: str) -> set[str]:
    return {(name or "").lower() for (name,) in session.query(query)}
