# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A script of globals as facts that can be compared and restored one by one.

The script is one of ours or of ``pg_dumpall --globals-only``. It is untrusted: a statement that has not one of the
forms below is refused, so whatever a script holds, nothing else can come out of it.
"""

from __future__ import annotations

import dataclasses
import re

from ...errors import CorruptArtifactError, UnsupportedObjectError
from ...lazy_dataclass import dataclass
from ...streams.base import ByteSource
from ..catalog.globals.role_membership import RoleMembership
from ..catalog.globals.tablespace import is_in_place
from ..quoting import identifier
from ..script import ScriptSplitter, Statement
from ..text import to_text

ROLE = "role"
TABLESPACE = "tablespace"
PARAMETER = "parameter"

# ASCII letters, "_" and all from U+0080 on, then digits and "$" too: spelled as what they are not, as a class of all of
# Unicode takes milliseconds to compile.
_NAME = r'(?:"(?:[^"]|"")+"|[^\x00-@\[-\^`{-\x7f][^\x00-#%-/:-@\[-\^`{-\x7f]*)'
_LITERAL = r"(?:E'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*')"
_ROLES = rf"(?P<who>{_NAME})"
_FORMS = {
    "create": rf"CREATE ROLE {_ROLES}",
    "attributes": rf"ALTER ROLE {_ROLES} WITH (?P<words>(?:[A-Z]+|-?\d+|{_LITERAL})(?: (?:[A-Z]+|-?\d+|{_LITERAL}))*)",
    "comment": rf"COMMENT ON (?P<kind>ROLE|TABLESPACE) (?P<who>{_NAME}) IS (?P<value>{_LITERAL})",
    "label": rf"SECURITY LABEL FOR (?P<key>{_NAME}) ON (?P<kind>ROLE|TABLESPACE) (?P<who>{_NAME})"
    rf" IS (?P<value>{_LITERAL})",
    "setting": rf"ALTER ROLE {_ROLES} SET (?P<key>{_NAME}) TO (?P<value>{_LITERAL}(?:, {_LITERAL})*)",
    "membership": rf"GRANT {_ROLES} TO (?P<member>{_NAME})(?: WITH (?P<words>[A-Z ,]+?))?"
    rf"(?: GRANTED BY (?P<grantor>{_NAME}))?",
    "privileges": rf"(?P<verb>GRANT|REVOKE) (?P<words>[A-Z ,]+) ON (?P<kind>TABLESPACE|PARAMETER) (?P<key>{_NAME})"
    rf" (?:TO|FROM) {_ROLES}(?: WITH GRANT OPTION)?",
    "tablespace": rf"CREATE TABLESPACE (?P<key>{_NAME}) OWNER {_ROLES} LOCATION (?P<value>{_LITERAL})",
    "options": rf"ALTER TABLESPACE {_ROLES} SET \((?P<value>[A-Za-z0-9_=., +-]+)\)",
    "as": rf"SET SESSION AUTHORIZATION {_ROLES}",
    "as owner": r"RESET SESSION AUTHORIZATION",
    "session": r"SET (?:default_transaction_read_only = off|standard_conforming_strings = on"
    r"|client_encoding = '(?P<value>\w+)')",
}  # fmt: skip
_PATTERNS = {name: re.compile(form + ";", re.DOTALL) for name, form in _FORMS.items()}
_WORD = re.compile(
    rf"CONNECTION LIMIT (?P<limit>-?\d+)|(?P<key>PASSWORD|VALID UNTIL) (?P<value>{_LITERAL})|(?P<flag>[A-Z]+)"
)
_FLAGS = ("SUPERUSER", "INHERIT", "CREATEROLE", "CREATEDB", "LOGIN", "REPLICATION", "BYPASSRLS")

#: An object that a restore may have to make: its kind (:data:`ROLE` or :data:`TABLESPACE`) and its name.
Target = tuple[str, str]
#: What a fact says: the parts of it that can be compared.
Value = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Fact:
    """One thing that globals say.

    :param about: the objects that it says it of; if one of them is new, so is the fact.
    :param aspect: what it is, for messages: ``attributes``, ``comment``, ``setting work_mem``.
    :param creates: the object does not exist without it.
    :param needs: further roles that must exist.
    :param value: named parts; a part that one of two facts lacks is not compared.
    :param membership: for a grant of a role, which is written anew for the server it is restored to.
    """

    about: tuple[Target, ...]
    aspect: str
    statement: str = dataclasses.field(repr=False)
    value: Value = dataclasses.field(repr=False)
    creates: bool = False
    needs: tuple[str, ...] = ()
    membership: RoleMembership | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What is the same for two facts that say the same of the same, however they say it."""
        return (self.about, self.aspect)

    @property
    def is_for_tablespace(self) -> bool:
        """Tablespaces cannot be made in a transaction, so they are restored by themselves."""
        return any(kind == TABLESPACE for kind, _name in self.about)

    def differing(self, other: Fact) -> tuple[str, ...]:
        """The names of the parts in which two facts of one key differ."""
        mine, others = dict(self.value), dict(other.value)
        return tuple(name for name in mine if name in others and mine[name] != others[name])


@dataclass(frozen=True)
class GlobalsScript:
    """What a script of globals says, in its order.

    :param encoding: of its names and texts.
    """

    facts: tuple[Fact, ...]
    encoding: str

    def names(self, kind: str) -> frozenset[str]:
        """The objects of a kind that the script makes."""
        return frozenset(name for fact in self.facts if fact.creates for about, name in fact.about if about == kind)


def read_globals_script(source: ByteSource, *, name: str) -> GlobalsScript:
    """Read a script.

    :param name: what to call it in messages.
    :raises CorruptArtifactError: it ends in the middle.
    :raises UnsupportedObjectError: it holds a statement that globals do not have.
    """
    reader = _Reader(name)
    for item in ScriptSplitter(source, name=name):
        if isinstance(item, Statement):
            reader.add(to_text(item.text), item.line)
        elif item.name not in ("restrict", "unrestrict"):
            raise _unknown(name, item.line)
    if reader.encoding == "":
        raise CorruptArtifactError(f"{name} is no script of globals: it does not say its encoding")
    return GlobalsScript(tuple(reader.facts), reader.encoding)


class _Reader:
    def __init__(self, name: str) -> None:
        self.facts: list[Fact] = []
        self.encoding = ""
        self._name = name
        self._grantor = ""
        # Who was granted a role with the option to grant it on; whoever else grants it is the bootstrap superuser.
        self._admins: set[tuple[str, str]] = set()

    def add(self, text: str, line: int) -> None:
        for form, pattern in _PATTERNS.items():
            match = pattern.fullmatch(text)
            if match is not None:
                self._of_form(form, match, text, line)
                return
        raise _unknown(self._name, line)

    def _of_form(self, form: str, match: re.Match[str], text: str, line: int) -> None:
        found = match.groupdict()
        who = _name(found.get("who") or "")
        if form == "session":
            self.encoding = found["value"] or self.encoding
        elif form in ("as", "as owner"):
            self._grantor = who
        elif form == "create":
            self._add((ROLE, who), "role", text, creates=True)
        elif form == "attributes":
            self._add((ROLE, who), "attributes", text, value=_attributes(found["words"], self._name, line))
        elif form in ("comment", "label"):
            aspect = f"label of {_name(found['key'])}" if form == "label" else form
            self._add((found["kind"].lower(), who), aspect, text, value=(("text", literal_value(found["value"])),))
        elif form == "setting":
            # ALL is no name here: a role of that name is in quotes.
            about = (ROLE, "" if found["who"] == "ALL" else who)
            values = "\0".join(literal_value(one) for one in re.findall(_LITERAL, found["value"], re.DOTALL))
            self._add(about, f"setting {_name(found['key'])}", text, value=(("value", values),))
        elif form == "membership":
            self._membership(found, who, text, line)
        elif form == "privileges":
            self._privileges(found, who, text)
        elif form == "tablespace":
            name, location = _name(found["key"]), literal_value(found["value"])
            if is_in_place(location):
                # Older pg_dumpall write the path that it has there.
                location, text = "", text[: match.start("value")] + "'';"
            value = (("owner", who), ("location", location))
            self._add((TABLESPACE, name), "tablespace", text, value=value, creates=True, needs=(who,))
        else:
            self._add((TABLESPACE, who), "options", text, value=(("options", found["value"]),))

    def _add(
        self,
        about: Target,
        aspect: str,
        text: str,
        *,
        value: Value = (),
        creates: bool = False,
        needs: tuple[str, ...] = (),
    ) -> None:
        self.facts.append(Fact((about,), aspect, text, value, creates=creates, needs=needs))

    def _membership(self, found: dict[str, str], role: str, text: str, line: int) -> None:
        member = _name(found["member"])
        words = [word.strip() for word in (found["words"] or "").split(",") if word.strip()]
        known = {"ADMIN OPTION", "INHERIT TRUE", "INHERIT FALSE", "SET FALSE", "SET TRUE"}
        if not known.issuperset(words):
            raise _unknown(self._name, line)
        inherit = None if "INHERIT" not in text.partition(" WITH ")[2] else "INHERIT TRUE" in words
        grantor = _name(found["grantor"] or "")
        by_bootstrap = (role, grantor) not in self._admins
        grant = RoleMembership(
            name=role,
            member=member,
            grantor="" if by_bootstrap else grantor,
            by_bootstrap_superuser=by_bootstrap,
            admin="ADMIN OPTION" in words,
            inherit=inherit,
            set_role="SET FALSE" not in words,
        )
        if grant.admin:
            self._admins.add((role, member))
        value = [("ADMIN", str(grant.admin)), ("SET", str(grant.set_role))]
        if inherit is not None:
            value.append(("INHERIT", str(inherit)))
        by = f" granted by {grant.grantor}" if grant.grantor else ""
        about = ((ROLE, member), (ROLE, role))
        aspect = f"membership in {role}{by}"
        needs = (grant.grantor,) if grant.grantor else ()
        self.facts.append(Fact(about, aspect, text, tuple(value), needs=needs, membership=grant))

    def _privileges(self, found: dict[str, str], who: str, text: str) -> None:
        # An unquoted PUBLIC is everybody.
        roles = tuple(name for name in ("" if found["who"] == "PUBLIC" else who, self._grantor) if name)
        kind, name = found["kind"].lower(), _name(found["key"])
        if self._grantor:
            authorization = f"SET SESSION AUTHORIZATION {identifier(self._grantor)};"
            text = f"{authorization}\n{text}\nRESET SESSION AUTHORIZATION;"
        about = (((TABLESPACE, name),) if kind == TABLESPACE else ()) + tuple((ROLE, role) for role in roles)
        # Every grant is a fact of its own, which is there or not.
        self.facts.append(Fact(about, f"privileges on {kind} {name}: {text}", text, (), needs=roles))


def _attributes(words: str, script: str, line: int) -> Value:
    found = {"CONNECTION LIMIT": "-1", "VALID UNTIL": ""}
    position = 0
    while position < len(words):
        match = _WORD.match(words, position)
        flag = match["flag"] if match else ""
        if match is None or (flag and flag not in _FLAGS and not (flag.startswith("NO") and flag[2:] in _FLAGS)):
            raise _unknown(script, line)
        if flag:
            found[flag if flag in _FLAGS else flag[2:]] = str(flag in _FLAGS)
        elif match["limit"]:
            found["CONNECTION LIMIT"] = match["limit"]
        else:
            found[match["key"]] = literal_value(match["value"])
        position = match.end() + 1
    return tuple(found.items())


def _name(text: str) -> str:
    """The name that a form's name stands for; only what our own rule leaves bare is bare in dumps."""
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def literal_value(text: str) -> str:
    """The text that a string constant stands for, in either form that dumps have."""
    if not text.startswith("E"):
        return text[1:-1].replace("''", "'")
    # Of all escapes dumps have the backslash's own alone.
    return re.sub(r"''|\\(.)", lambda match: match[1] or "'", text[2:-1], flags=re.DOTALL)


def _unknown(name: str, line: int) -> UnsupportedObjectError:
    # The statement may hold a password, so it is not shown.
    return UnsupportedObjectError(
        f"line {line} of {name} is no statement that globals have in dumps of PostgreSQL 14 and later",
        hint="restore only what dbfleet or pg_dumpall --globals-only has written",
        line=line,
    )
