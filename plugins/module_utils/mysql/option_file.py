# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Reads the option files of the MySQL and MariaDB clients (``my.cnf``), by their documented syntax.

Groups, ``key=value`` with or without quotes, escapes in values, comments, ``loose-``, dashes and underscores alike, a
flag without a value. ``!include`` and ``!includedir`` are refused: what they would add must not be left out silently.
"""

from __future__ import annotations

import os
import stat
import typing as t

from ..errors import NotFoundError, StorageError, UsageError

_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "r": "\r", "\\": "\\", "s": " ", '"': '"', "'": "'"}


def read_option_file(path: str, groups: t.Sequence[str]) -> dict[str, str]:
    """The options of the wanted groups, later ones winning; a flag without a value has ``""``.

    :param groups: without brackets, for example ``("client", "backup")``.
    :return: option names with dashes.
    :raises NotFoundError: there is no such file.
    :raises StorageError: it cannot be read.
    :raises UsageError: it is writable by everybody (the servers' own clients ignore such files), not well-formed, has
        an include directive, or lacks a named group other than ``client``.
    """
    text = _read(path)
    found: dict[str, str] = {}
    seen: set[str] = set()
    group = ""
    for number, raw_line in enumerate(text.splitlines(), 1):
        line = raw_line.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("!"):
            raise UsageError(
                f"{path}:{number}: {line.split()[0]} is not supported in an option file",
                hint="put the options into the file itself",
                path=path,
            )
        if line.startswith("["):
            group = _group(line, path, number)
            seen.add(group)
        elif not group:
            raise UsageError(f"{path}:{number}: an option stands before the first [group]", path=path)
        elif group in groups:
            name, value = _option(line)
            found[name] = value
    for wanted in groups:
        if wanted != "client" and wanted not in seen:
            raise UsageError(f"{path} has no group [{wanted}]", hint="name a group that is in the file", path=path)
    return found


def _read(path: str) -> str:
    expanded = os.path.expanduser(path)
    try:
        with open(expanded, encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & stat.S_IWOTH:
                raise UsageError(
                    f"the option file {path} is writable by everybody", hint=f"chmod o-w {path}", path=path
                )
            return file.read()
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no option file {path}", path=path) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the option file {path} is not UTF-8 text", path=path) from error
    except OSError as error:
        raise StorageError(f"cannot read the option file {path}: {os.strerror(error.errno or 0)}", path=path) from error


def _group(line: str, path: str, number: int) -> str:
    name, bracket, rest = line[1:].partition("]")
    if not bracket or (rest.strip() and rest.strip()[0] not in "#;"):
        raise UsageError(f"{path}:{number}: a group must be written as [name]", path=path)
    return name.strip()


def _option(line: str) -> tuple[str, str]:
    name, _equals, value = _without_end_comment(line).partition("=")
    name = name.strip().replace("_", "-")
    if name.startswith("loose-"):
        name = name[len("loose-") :]
    return name, _value(value.strip())


def _without_end_comment(line: str) -> str:
    quote = ""
    escaped = False
    for position, character in enumerate(line):
        if escaped:
            escaped = False
        elif character == "\\" and quote:
            escaped = True
        elif quote:
            if character == quote:
                quote = ""
        elif character in "'\"":
            quote = character
        elif character == "#":
            return line[:position]
    return line


def _value(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    parts: list[str] = []
    position = 0
    while position < len(text):
        character = text[position]
        following = text[position + 1 : position + 2]
        if character == "\\" and following:
            parts.append(_ESCAPES.get(following, "\\" + following))
            position += 2
        else:
            parts.append(character)
            position += 1
    return "".join(parts)
