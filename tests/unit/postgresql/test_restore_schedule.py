# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import pickle
import random

from dbfleet.postgresql.restore_schedule import Schedule
from dbfleet.postgresql.restore_selection import RestoreSelection, select_entries
from dbfleet.postgresql.toc import SECTION_DATA, SECTION_POST_DATA, SECTION_PRE_DATA, TocEntry


def entry(number: int, desc: str, *needs: int) -> TocEntry:
    section = {"TABLE": SECTION_PRE_DATA, "TABLE DATA": SECTION_DATA}.get(desc, SECTION_POST_DATA)
    data = desc == "TABLE DATA"
    return TocEntry(
        dump_id=number, had_dumper=data, table_oid=0, oid=0, tag=f"t{number}", desc=desc, section=section,
        defn=None if data else "SELECT 1;", dependencies=needs,
    )  # fmt: skip


def test_everything_runs_once_after_what_it_needs_and_never_beside_what_locks_it() -> None:
    chance = random.Random(11)
    for _round in range(50):
        tables = [entry(number, "TABLE") for number in range(1, 12)]
        data = [entry(100 + one.dump_id, "TABLE DATA", one.dump_id) for one in tables]
        keys = [entry(200 + one.dump_id, "CONSTRAINT", one.dump_id) for one in tables]
        indexes = [entry(300 + number, "INDEX", chance.choice(tables).dump_id) for number in range(8)]
        foreign = []
        for number in range(10):
            first, second = chance.sample(range(1, 12), 2)
            foreign.append(entry(400 + number, "FK CONSTRAINT", first, second, 200 + second))
        rest = [*data, *keys, *indexes, *foreign]
        chance.shuffle(rest)
        sizes = {one.dump_id: chance.randrange(1000) for one in data}
        schedule = Schedule(rest, [*tables, *rest], sizes)
        running: list[TocEntry] = []
        done: set[int] = set()
        first_size = None
        while len(done) < len(rest):
            while len(running) < 4:
                item = schedule.take()
                if item is None:
                    break
                first_size = sizes.get(item.dump_id) if first_size is None else first_size
                tables_of = {one for one in item.dependencies if one < 100}
                assert all(one in done for one in item.dependencies if one > 100)
                if item.section == SECTION_POST_DATA:
                    assert all(100 + one in done for one in tables_of)
                for other in running:
                    if other.section == item.section == SECTION_POST_DATA and tables_of & set(other.dependencies):
                        assert (item.desc, other.desc) == ("INDEX", "INDEX")
                running.append(item)
            assert running, "nothing can go on"
            item = running.pop(chance.randrange(len(running)))
            assert item.dump_id not in done
            done.add(item.dump_id)
            schedule.done(item)
        assert schedule.left == 0
        assert schedule.take() is None
        assert first_size == max(sizes.values())


def test_entries_have_no_dictionary_and_travel_to_other_processes() -> None:
    one = entry(7, "CONSTRAINT", 1, 2)
    assert not hasattr(one, "__dict__")
    assert pickle.loads(pickle.dumps(one)) == one
    assert dataclasses.replace(one, owner="me").owner == "me"
    assert (one.owner, one.tablespace, one.dependencies) == ("", None, (1, 2))


def test_everything_is_what_a_selection_of_nothing_special_selects() -> None:
    entries = [entry(1, "TABLE"), entry(2, "TABLE DATA", 1), entry(3, "CONSTRAINT", 1)]
    entries.append(dataclasses.replace(entry(4, "<Init>"), tag="Max OID"))
    entries.append(dataclasses.replace(entry(5, "TABLE"), defn=""))
    entries.append(dataclasses.replace(entry(6, "ENCODING"), defn=""))
    everything = select_entries(entries, RestoreSelection())
    assert [one.dump_id for one in everything] == [1, 2, 3, 6]
    assert everything == select_entries(entries, RestoreSelection(strict_names=True))
