# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A part of a plain script: the statements of the entries that a selection selects, by the script's comments.

What an archive says in its table of contents, pg_dump's scripts say in a comment before each entry. A script without
these comments is refused: nothing is guessed.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..errors import UsageError
from ..lazy_dataclass import dataclass
from .restore_selection import DATABASE_KINDS, FOLLOWER_KINDS, EntrySelector, RestoreSelection
from .script import ScriptSplitter, Statement
from .script_commands import first_word, tokens
from .script_copy import CopyData
from .script_headings import Heading, Headings
from .script_meta import MetaCommand
from .script_parent import Parents
from .script_section import DatabaseSection, database_of
from .script_source import ScriptSource
from .toc import SECTION_DATA, SECTION_NONE, SECTION_POST_DATA, SECTION_PRE_DATA, TocEntry

_DATA_KINDS = frozenset(("TABLE DATA", "SEQUENCE SET", "BLOBS", "BLOB METADATA", "STATISTICS DATA"))
_POST_KINDS = frozenset(
    (
        "INDEX", "INDEX ATTACH", "CONSTRAINT", "CHECK CONSTRAINT", "FK CONSTRAINT", "TRIGGER", "RULE", "POLICY",
        "ROW SECURITY", "EVENT TRIGGER", "PUBLICATION", "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA",
        "SUBSCRIPTION", "SUBSCRIPTION TABLE", "DEFAULT ACL", "STATISTICS", "MATERIALIZED VIEW DATA",
    )
)  # fmt: skip
# Two of these with the same name can only be told apart by what a heading does not show.
_NAMED_KINDS = frozenset(
    (
        "TABLE", "VIEW", "MATERIALIZED VIEW", "FOREIGN TABLE", "SEQUENCE", "INDEX", "FUNCTION", "PROCEDURE",
        "AGGREGATE", "TRIGGER", "SCHEMA",
    )
)  # fmt: skip
_NAMES = ("schemas", "exclude_schemas", "tables", "indexes", "functions", "triggers")
_SET_CONFIG = re.compile(rb"SELECT (?:pg_catalog\.)?set_config\(")
_TABLESPACE = re.compile(rb"SET default_tablespace\b")
_ACCESS_METHOD = re.compile(rb"SET default_table_access_method\b")
_SESSION_USER = re.compile(rb"(?:RE)?SET SESSION AUTHORIZATION\b")
_HELD = (_TABLESPACE, _ACCESS_METHOD, _SESSION_USER)
_REPLACED_VIEW = b"CREATE OR REPLACE VIEW "
_UNLINKED = b"SELECT pg_catalog.lo_unlink("
_STORED = b" SET ACCESS METHOD "


def check_selection(selection: RestoreSelection, script: str) -> None:
    """
    :raises UsageError: it asks for what the comments of a script do not say.
    """
    given = {
        "use_list": selection.use_list is not None,
        "with_dependencies": selection.with_dependencies,
        "role_map": selection.role_map,
    }
    for name in (name for name, value in given.items() if value):
        raise UsageError(
            f"{name} does not go with the script {script}: only an archive has what it needs",
            hint=f"leave {name} out, or back up in the format custom, directory or tar",
        )
    names = [name for kind in _NAMES for name in getattr(selection, kind)]
    broken = [name for name in names if "\n" in name or "\r" in name]
    if broken:
        raise UsageError(
            f"{broken[0]!r} cannot be selected from the script {script}: its comments do not show line breaks",
            hint="restore the whole script, or select from an archive",
        )


@dataclass(frozen=True)
class ScriptPart:
    """Which part of a script is looked at or run.

    :param database: what is run in this database alone, of a script of several; empty for one database's script.
    :param selection: which entries of it.
    """

    database: str = ""
    selection: RestoreSelection = dataclasses.field(default_factory=RestoreSelection)

    @property
    def is_everything(self) -> bool:
        return not self.database and self.selection.is_everything

    def statements(self, source: ScriptSource, *, batch: int = 1) -> PartStatements:
        """Go through it.

        :param batch: see :class:`~dbfleet.postgresql.script.ScriptSplitter`.
        """
        headings = None if self.selection.is_everything else Headings(source.name)
        splitter = ScriptSplitter(
            source,
            name=source.name,
            batch=batch,
            comments=None if headings is None else headings.see,
            leap=source.leap,
        )
        section = DatabaseSection(splitter, self.database, headings=headings) if self.database else None
        whole = section or splitter
        selected = None if headings is None else SelectedStatements(whole, headings, self.selection, source.name)
        return PartStatements(source.name, selected or whole, section, selected)


#: One database's script, as it is.
WHOLE_SCRIPT = ScriptPart()


class PartStatements:
    """Iterates like a splitter over a part of a script.

    :attr:`data_of` are schema and name of the tables whose rows are selected, after everything was read; ``None``
    where nothing is selected, so that it is all of them.
    """

    def __init__(
        self,
        name: str,
        statements: ScriptSplitter | DatabaseSection | SelectedStatements,
        section: DatabaseSection | None,
        selected: SelectedStatements | None,
    ) -> None:
        self._name = name
        self._statements = statements
        self._section = section
        self._selected = selected

    @property
    def data(self) -> CopyData | None:
        """The rows behind the present COPY."""
        return self._statements.data

    @property
    def data_of(self) -> frozenset[tuple[str, str]] | None:
        return None if self._selected is None else frozenset(self._selected.data_of)

    @property
    def drops(self) -> int:
        """How many statements that drop objects were left out."""
        return 0 if self._selected is None else self._selected.drops

    @property
    def properties(self) -> tuple[str, ...]:
        """What the script says about the database itself."""
        return () if self._section is None else tuple(self._section.properties)

    def use_settings(self, *, standard_conforming_strings: bool, client_encoding: str) -> None:
        """As the splitter's."""
        self._statements.use_settings(
            standard_conforming_strings=standard_conforming_strings, client_encoding=client_encoding
        )

    def __iter__(self) -> t.Iterator[Statement | MetaCommand]:
        return iter(self._statements)

    def require(self) -> None:
        """After everything was read.

        :raises NotFoundError: the script has no such database, or holds nothing of what is selected.
        :raises UsageError: the script does not say to what its statements belong.
        """
        if self._section is not None:
            self._section.require(self._name)
        if self._selected is not None:
            self._selected.require()


class SelectedStatements:
    """Iterates like the splitter that it is made of, over what belongs to the selected entries.

    Settings always pass; those of tablespace, access method and user wait for the next statement that needs them. What
    drops objects before the first entry, as ``pg_dump --clean`` writes it, is left out, and what is about the database
    itself.

    :param headings: sees the comments of that splitter.
    :param name: what to call the script in messages.

    :attr:`data_of` are schema and name of the tables whose rows are selected, as far as the script was read;
    :attr:`drops` counts what was left out before the first entry.

    Iterating raises :class:`UsageError` where it is not certain to what a statement belongs.
    """

    def __init__(
        self,
        statements: ScriptSplitter | DatabaseSection,
        headings: Headings,
        selection: RestoreSelection,
        name: str,
    ) -> None:
        self.data_of: set[tuple[str, str]] = set()
        self.drops = 0
        self._statements = statements
        self._headings = headings
        self._selection = selection
        self._name = name
        self._selector = EntrySelector(selection)
        self._parents = Parents()
        self._known: set[tuple[str, str | None, str]] = set()
        self._number = 0
        self._section = SECTION_PRE_DATA
        self._wanted = False
        # One that belongs to another entry; its first statement says to which.
        self._follower: Heading | None = None
        self._held: dict[re.Pattern[bytes], Statement] = {}

    @property
    def data(self) -> CopyData | None:
        return self._statements.data

    def use_settings(self, *, standard_conforming_strings: bool, client_encoding: str) -> None:
        """As the splitter's."""
        self._statements.use_settings(
            standard_conforming_strings=standard_conforming_strings, client_encoding=client_encoding
        )

    def __iter__(self) -> t.Iterator[Statement | MetaCommand]:
        for item in self._statements:
            for heading in self._headings.take():
                self._begin(heading)
            if isinstance(item, MetaCommand):
                yield item
            elif _is_setting(item.text):
                if not self._hold(item):
                    yield item
            elif self._headings.is_first:
                self._check_before(item)
            elif self._is_wanted(item):
                yield from self._held.values()
                self._held.clear()
                yield item
        # The session goes on as the user that it began with.
        if _SESSION_USER in self._held:
            yield self._held.pop(_SESSION_USER)

    def require(self) -> None:
        """After everything was read.

        :raises UsageError: the script does not say to what its statements belong.
        :raises NotFoundError: it holds nothing of what is selected.
        """
        if self._number == 0:
            raise UsageError(
                f"{self._name} does not say to what its statements belong: pg_dump's comments are missing",
                hint="restore it as it is, or select from another backup",
            )
        self._selector.check(self._name, "the comments of the script (-- Name: …)")

    # -- what a statement is

    def _hold(self, statement: Statement) -> bool:
        """Whether a setting is not to be run now: it is kept for later, or left out."""
        pattern = next((one for one in _HELD if one.match(statement.text)), None)
        if pattern is None:
            return False
        selection = self._selection
        if pattern is _SESSION_USER and selection.no_owner:
            raise UsageError(
                f"line {statement.line} of {self._name}: the script makes objects as their owners, so no_owner does "
                "not go with it",
                hint="leave no_owner out",
                line=statement.line,
            )
        left_out = {_TABLESPACE: selection.no_tablespaces, _ACCESS_METHOD: selection.no_table_access_method}
        if not left_out.get(pattern, False):
            self._held[pattern] = statement
        return True

    def _check_before(self, statement: Statement) -> None:
        text = statement.text
        if first_word(text) == "DROP" or text.startswith((_REPLACED_VIEW, _UNLINKED)) or _drops(text):
            self.drops += 1
        elif not database_of(text):
            raise UsageError(
                f"line {statement.line} of {self._name}: nothing says to what this statement belongs",
                hint="only of scripts with the comments of pg_dump (-- Name: …) parts can be restored",
                line=statement.line,
            )

    def _is_wanted(self, statement: Statement) -> bool:
        text = statement.text
        if self._follower is not None:
            self._wanted = self._follows(self._follower, text)
            self._follower = None
        if not self._wanted or database_of(text):
            return False
        if not text.startswith(b"ALTER "):
            return True
        selection = self._selection
        if selection.no_owner and _last_words(text, 2)[:2] == ["OWNER", "TO"]:
            return False
        stored = selection.no_table_access_method and _STORED in text
        return not (stored and _last_words(text, 3)[:3] == ["SET", "ACCESS", "METHOD"])

    # -- entries

    def _begin(self, heading: Heading) -> None:
        self._number += 1
        self._follower = None
        self._wanted = False
        if heading.desc in FOLLOWER_KINDS:
            self._follower = heading
            return
        entry = self._entry(heading, section=self._section_of(heading.desc))
        self._parents.add(entry)
        self._wanted = self._selector.add(entry) and heading.desc not in DATABASE_KINDS
        key = (heading.desc, heading.namespace, heading.tag)
        if self._wanted and heading.desc in _NAMED_KINDS and key in self._known:
            raise UsageError(
                f"{self._name} holds two of the kind {heading.desc} that its comments call {heading.tag!r}",
                hint="their names differ by a line break: restore the whole script, or select from an archive",
            )
        self._known.add(key)
        if self._wanted and heading.desc == "TABLE DATA":
            self.data_of.add((heading.namespace or "", heading.tag))

    def _section_of(self, desc: str) -> int:
        """What belongs to no later section, and stands behind the rows, was put off until then."""
        if desc in _POST_KINDS or self._section == SECTION_POST_DATA:
            self._section = SECTION_POST_DATA
        elif desc in _DATA_KINDS:
            self._section = SECTION_DATA
        elif self._section == SECTION_DATA:
            self._section = SECTION_POST_DATA
        return self._section

    def _follows(self, heading: Heading, text: bytes) -> bool:
        parents = self._parents.find(heading, text)
        selected = [one.dump_id in self._selector.selected for one in parents]
        if any(selected) and not all(selected):
            raise UsageError(
                f"{self._name} does not say to which of {len(parents)} functions the privileges on {heading.tag!r} "
                "belong",
                hint="select all of them, add no_privileges, or select from an archive",
            )
        entry = self._entry(heading, section=SECTION_NONE, parent=parents[0] if parents else None)
        # Privileges stand at the script's end, whatever they belong to.
        section = SECTION_NONE
        if heading.desc == "ACL":
            section = parents[0].section if parents else SECTION_PRE_DATA
        return self._selector.add(entry, section=section)

    def _entry(self, heading: Heading, *, section: int, parent: TocEntry | None = None) -> TocEntry:
        return TocEntry(
            dump_id=self._number, had_dumper=heading.is_data, table_oid=0, oid=0, tag=heading.tag, desc=heading.desc,
            section=section, defn=None if heading.is_data else ";", namespace=heading.namespace,
            dependencies=() if parent is None else (parent.dump_id,),
        )  # fmt: skip


def _is_setting(text: bytes) -> bool:
    return text.startswith((b"SET ", b"RESET ")) or _SET_CONFIG.match(text) is not None


def _drops(text: bytes) -> bool:
    """``ALTER … DROP …``, as it stands before the drops of tables."""
    words = [token.word for token in tokens(text)]
    return words[:1] == ["ALTER"] and ("DROP" in words or words[-4:-1] == ["REPLICA", "IDENTITY", "NOTHING"])


def _last_words(text: bytes, number: int) -> list[str]:
    """The words before the name at a statement's end."""
    return [token.word for token in tokens(text)][-number - 2 : -2]
