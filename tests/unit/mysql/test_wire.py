# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one file that knows the driver's inside."""

from __future__ import annotations

import gc
import re
import socket
import time
from pathlib import Path

import pytest

import dbfleet.mysql
from dbfleet.errors import ConnectError
from dbfleet.mysql.connection import connect
from dbfleet.mysql.options import ConnectionOptions

PRIVATE = re.compile(r"\bconnection\._|\b_(?:sock|rfile|result|read_packet|execute_command|next_seq_id)\b(?=[.(])")


def test_no_other_file_touches_private_names_of_the_driver() -> None:
    folder = Path(dbfleet.mysql.__path__[0])
    touching = {file.name for file in folder.rglob("*.py") if PRIVATE.search(file.read_text())}
    assert touching == {"wire.py"}


def test_a_refused_connection_leaves_no_socket_open(tmp_path: Path) -> None:
    # pytest turns a socket that is left to the garbage collector into a failure.
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as nobody_listens:
        nobody_listens.bind(path)
        for options in (ConnectionOptions(unix_socket=path), ConnectionOptions(unix_socket=path + "x")):
            with pytest.raises(ConnectError):
                connect(options)
            gc.collect()


def test_a_server_that_says_nothing_is_not_waited_for_longer_than_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        options = ConnectionOptions(host="127.0.0.1", port=server.getsockname()[1], connect_timeout=1)
        before = time.monotonic()
        with pytest.raises(ConnectError):
            connect(options)
        assert time.monotonic() - before < 10
        gc.collect()
