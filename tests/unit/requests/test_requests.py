# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from dbfleet.backup import BackupRequest, Destination
from dbfleet.cluster_backup import ClusterBackupRequest
from dbfleet.errors import UsageError
from dbfleet.info import InfoRequest
from dbfleet.mysql import options as mysql
from dbfleet.postgresql import options as postgresql
from dbfleet.requests.backup import backup_request
from dbfleet.requests.given import Given
from dbfleet.requests.info import info_request
from dbfleet.requests.restore import restore_request
from dbfleet.restore import Origin, RestoreRequest


def given(job: str, dbms: str, **values: object) -> Given:
    return Given(job, dbms, {"database": "shop", **values})


def test_backup_of_postgresql() -> None:
    values = {"compress": "zstd", "jobs": 4, "lock_wait_timeout": "30s", "max_age": "6h", "cluster": "c"}
    assert backup_request(given("backup", "postgresql", repository="/r", **values), check=False) == BackupRequest(
        options=postgresql.BackupOptions(
            connection=postgresql.ConnectionOptions(),
            database="shop",
            format="custom",
            compression="zstd:3",
            jobs=4,
            lock_wait_timeout=30.0,
        ),
        destination=Destination(repository="/r", cluster="c"),
        max_age=21600.0,
    )


def test_backup_of_mysql() -> None:
    assert backup_request(given("backup", "mariadb", dest="/d/", login_user="u"), check=True) == BackupRequest(
        options=mysql.BackupOptions(connection=mysql.ConnectionOptions(user="u"), database="shop", format="plain"),
        destination=Destination(dest="/d/"),
        check=True,
    )


def test_formats_that_do_not_exist_yet_are_left_to_the_engine_to_refuse() -> None:
    assert (
        backup_request(given("backup", "mysql", dest="/d", format="directory"), check=False).options.format
        == "directory"
    )


def test_restore_of_postgresql() -> None:
    values = {"repository": "/r", "cluster": "c", "source_database": "old", "backup": "20261122T124118Z-logical"}
    assert restore_request(given("restore", "postgresql", create=True, jobs=2, **values), check=True) == RestoreRequest(
        options=postgresql.RestoreOptions(
            connection=postgresql.ConnectionOptions(), database="shop", create=True, jobs=2
        ),
        origin=Origin(repository="/r", cluster="c", database="old", backup="20261122T124118Z-logical"),
        check=True,
    )


def test_restore_of_mysql() -> None:
    assert restore_request(given("restore", "mysql", source="/s", force=True), check=False) == RestoreRequest(
        options=mysql.RestoreOptions(connection=mysql.ConnectionOptions(), database="shop", force=True),
        origin=Origin(source="/s"),
    )


@pytest.mark.parametrize("place", ["repository", "source"])
def test_info(place: str) -> None:
    values = {place: "/x", "cluster": "c", "database": "d", "backup": "latest"}
    assert info_request(Given("info", "", values)) == InfoRequest(
        location="/x", cluster="c", database="d", backup="latest"
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "repository and dest are both missing"),
        ({"repository": "/r", "dest": "/d"}, "repository and dest exclude each other"),
        ({"dest": "/d", "cluster": "c"}, "cluster means something only together with repository"),
        ({"dest": "/d", "compress": "gzip:10"}, "the level in compression 'gzip:10' is not valid"),
        ({"dest": "/d", "database": "mysql://u:p@h/d"}, "database is a connection string"),
    ],
)
def test_backups_that_make_no_sense(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        backup_request(given("backup", "postgresql", **values), check=False)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "repository and source are both missing"),
        ({"source": "/s", "cluster": "c"}, "cluster means something only together with repository"),
        (
            {"source": "/s", "backup": "20261122T124118Z-logical"},
            "backup means something only together with repository",
        ),
        ({"source": "/s", "clean": True, "force": True}, "clean and force exclude each other"),
    ],
)
def test_restores_that_make_no_sense(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        restore_request(given("restore", "mysql", **values), check=False)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "database and all_databases and databases are all missing"),
        ({"database": None}, "are all missing"),
        ({"database": "a", "all_databases": True}, "exclude each other"),
        ({"databases": ["a"], "exclude_database": ["b"]}, "exclude_database means something only together with"),
        ({"databases": ["a"], "system": ["users"], "no_system": True}, "no_system and system exclude each other"),
        ({"databases": ["a"], "system": ["plugins"], "include_user": ["x"]}, "include_user means nothing where"),
        ({"database": "a", "insert_ignore": True, "replace": True}, "insert_ignore and replace exclude each other"),
        ({"database": "a", "schema_only": True, "where": "x"}, "schema_only and where exclude each other"),
        ({"database": "a", "net_buffer_length": 100}, "net_buffer_length is 100"),
    ],
)
def test_backups_of_mysql_that_make_no_sense(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        backup_request(Given("backup", "mysql", {"repository": "/r", **values}), check=False)


def test_backup_of_several_databases_of_mysql() -> None:
    request = backup_request(
        Given("backup", "mariadb", {"repository": "/r", "databases": ["a", "b"], "exclude_user": ["x@%"]}), check=False
    )
    assert isinstance(request, ClusterBackupRequest)
    assert isinstance(request.options, mysql.ClusterBackupOptions)
    assert request.options.databases == ("a", "b")
    assert request.options.globals == mysql.GlobalsOptions(exclude_users=("x@%",))


def test_what_of_a_database_of_mysql_and_how() -> None:
    request = backup_request(
        given(
            "backup",
            "mysql",
            dest="/d",
            database="a",
            tables=["t"],
            where="id > 1",
            skip_events=True,
            replace=True,
            source_data="1",
            set_gtid_purged="auto",
        ),
        check=False,
    )
    assert isinstance(request.options, mysql.BackupOptions)
    assert request.options.selection == mysql.Selection(tables=("t",), where="id > 1", skip_events=True)
    assert request.options.form == mysql.ScriptForm(insert="REPLACE")
    assert request.options.positions == mysql.PositionForm(source_data=1, gtid_purged="auto")


def test_what_is_recorded_of_a_restore_has_a_place_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    values = {"source": "/s", "resume": True}
    options = restore_request(given("restore", "postgresql", **values), check=False).options
    assert options.run.state_folder == "/state/dbfleet"
    options = restore_request(given("restore", "postgresql", state_folder="/f", **values), check=False).options
    assert (options.run.resume, options.run.state_folder) == (True, "/f")
