# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a comparison found, as the user reads it."""

from __future__ import annotations

import typing as t

from .text import printable

Data = t.Mapping[str, t.Any]

_HEADINGS = {"only_first": "only in the first", "only_second": "only in the second", "different": "defined differently"}


def compare_text(data: Data) -> str:
    """What differs between the two, or that nothing does."""
    lines = [f"first:  {data['first']}", f"second: {data['second']}"]
    for name, heading in _HEADINGS.items():
        lines += [f"{heading}: {_object(one)}" for one in data["objects"][name]]
    for table in data["tables"]:
        title = ".".join(filter(None, (table["schema"], table["name"])))
        lines.append(
            f"table {title}: {table['first_rows']:,} rows in the first, {table['second_rows']:,} in the second"
        )
        lines += [f"  {line}" for line in _keys(table)]
    lines += [f"not compared: table {one}" for one in data["uncompared_tables"]]
    outcome = "equal" if data["equal"] else "they differ"
    lines.append(f"{outcome}; the content of {data['compared_tables']:,} tables was compared")
    return "".join(f"{printable(line)}\n" for line in lines)


def _object(one: Data) -> str:
    return f"{one['kind']} {'.'.join(filter(None, (one['schema'], one['name'])))}"


def _keys(table: Data) -> t.Iterator[str]:
    found = table["differences"]
    if found is None:
        yield "other content; no primary key is known that tells rows apart"
        return
    counts = (("only in the first", "only_first"), ("only in the second", "only_second"), ("changed", "changed"))
    told = ", ".join(f"{found[name]:,} {text}" for text, name in counts if found[name])
    yield f"rows by ({', '.join(table['key'])}): {told}{'' if found['complete'] else ', and more'}"
    for begin, end in found["ranges"]:
        yield begin if begin == end else f"{begin} to {end}"
