# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding the machine's Debian mirror in its apt sources."""

from __future__ import annotations

import pytest

from tests.servers.debian import mirror, mirror_in

ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb-src http://source.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/k.gpg] https://mirror.example/debian bookworm main contrib
deb https://mirror.example/debian-security bookworm-security main
"""
STANZAS = """\
Types: deb
# URIs: http://commented.example/debian
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
THIRD_PARTY = "deb [arch=amd64] https://vendor.example/10.11/debian bookworm main\n"
DATED = "deb http://mirror.example/archive/debian/20260101T000000Z/ bookworm main\n"
UBUNTU = "deb http://mirror.example/ubuntu noble main\n"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([ONE_LINE], "https://mirror.example/debian"),
        ([STANZAS], "http://mirror.example/debian/"),
        ([THIRD_PARTY, STANZAS], "http://mirror.example/debian/"),
        ([DATED], "http://mirror.example/archive/debian/20260101T000000Z/"),
        ([UBUNTU], None),
        ([""], None),
        ([], None),
    ],
)
def test_mirror_is_found_in_apt_sources(texts: list[str], expected: str | None) -> None:
    assert mirror_in(texts) == expected


def test_mirror_of_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBFLEET_DEBIAN_MIRROR", "http://chosen.example/debian")
    assert mirror() == "http://chosen.example/debian"
