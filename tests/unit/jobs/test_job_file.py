# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that describe scheduled jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dbfleet.cli.job_calls import secret_values, validate_job
from dbfleet.errors import NotFoundError, UsageError
from dbfleet.requests.job_file import job_names, job_path, parse_job, read_job

BACKUP: dict[str, Any] = {
    "version": 1,
    "job": "backup",
    "dbms": "postgresql",
    "options": {"repository": "/srv/backups", "database": "shop", "login_port": "5432", "jobs": 2},
}


def backup(**fields: Any) -> dict[str, Any]:
    return {**BACKUP, **fields}


def options(**changes: Any) -> dict[str, Any]:
    return backup(options={**BACKUP["options"], **changes})


def test_what_a_file_says() -> None:
    fields = backup(
        only_on="replica",
        success_within="26h",
        secrets={"login_password": "/etc/dbfleet/secrets/shop", "webhook_url": "hook"},
        notify={"mail": {"command": ["/usr/sbin/sendmail", "-t"], "to": ["dba@example.com"]}, "events": ["failure"]},
    )
    job = parse_job(fields, "shop")
    validate_job(job)
    assert (job.name, job.only_on, job.success_within) == ("shop", "replica", 26 * 3600)
    assert job.options["login_port"] == 5432
    scheduled = job.scheduled()
    assert (scheduled.database, scheduled.repository, scheduled.objective) == ("shop", "/srv/backups", 26 * 3600)
    assert scheduled.notify.channels == ("mail",)
    assert not scheduled.follows


def test_the_credentials_in_a_repository_s_url_are_not_shown() -> None:
    job = parse_job(options(repository="s3://bucket/backups?endpoint=https://store"), "shop")
    assert job.scheduled().repository == "s3://bucket/backups"


WRONG = {
    "version": (backup(version=2), "version is 2"),
    "job": (backup(job="restore"), "no job 'restore'"),
    "dbms": (backup(dbms="oracle"), "oracle"),
    "field": (backup(when="daily"), "no field when"),
    "option": (options(keep_last=3), "no option keep_last"),
    "secret in the file": (options(login_password="hunter2"), "login_password stands in the file itself"),
    "type": (options(jobs="two"), "jobs must be of the type int"),
    "relative path": (options(repository="backups"), "repository is not an absolute path"),
    "only_on": (backup(only_on="standby"), "only_on is 'standby'"),
    "only_on of prune": (
        {"version": 1, "job": "prune", "options": {"repository": "/r"}, "only_on": "primary"},
        "talks to no server",
    ),
    "prefer": (options(cluster="c") | {"prefer": "standby"}, "prefer is 'standby'"),
    "prefer and only_on": (options(cluster="c") | {"prefer": "replica", "only_on": "replica"}, "contradict"),
    "prefer without a cluster": (backup(prefer="replica"), "needs the option cluster"),
    "prefer of prune": (
        {"version": 1, "job": "prune", "options": {"repository": "/r", "cluster": "c"}, "prefer": "replica"},
        "means nothing to prune",
    ),
    "stand_in_after": (options(cluster="c") | {"prefer": "replica", "stand_in_after": "soon"}, "not a time"),
    "secret": (backup(secrets={"database": "/x"}), "no secret database"),
    "secret itself": (backup(secrets={"login_password": "hunter2 or so"}), "neither the absolute path"),
    "secret twice": (options(identity_file="/x") | {"secrets": {"identity_file": "/y"}}, "no option identity_file"),
    "webhook": (backup(notify={"webhook": {"url": "ftp://host/"}}), "URL is none"),
    "two webhooks": (
        backup(notify={"webhook": {"url": "https://host/"}}, secrets={"webhook_url": "/x"}),
        "in notify and in secrets",
    ),
    "token alone": (backup(secrets={"webhook_token": "/x"}), "has no webhook"),
    "mail": (backup(notify={"mail": {"command": ["/usr/sbin/sendmail"]}}), "both"),
    "relative mail": (backup(notify={"mail": {"command": ["sendmail"], "to": ["a"]}}), "absolute path"),
    "address": (backup(notify={"mail": {"command": ["/x"], "to": ["a\nBcc: b"]}}), "end of a line"),
    "event": (backup(notify={"events": ["sometimes"]}), "no event 'sometimes'"),
    "time": (backup(success_within="26"), "not a time"),
    "not an object": (backup(options=["a"]), "must be an object"),
}


@pytest.mark.parametrize(("fields", "words"), WRONG.values(), ids=WRONG)
def test_what_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        parse_job(fields, "shop")
    assert "hunter2" not in str(caught.value)


INCONSISTENT = {
    "no place": {"version": 1, "job": "backup", "dbms": "mysql", "options": {"database": "shop"}},
    "no dbms": {"version": 1, "job": "backup", "options": {"database": "shop", "repository": "/r"}},
    "drill without level": {
        "version": 1,
        "job": "verify",
        "dbms": "mysql",
        "options": {"repository": "/r", "queries": ["SELECT 1"]},
    },
    "no copy": {"version": 1, "job": "copy", "options": {"repository": "/r"}},
    "metrics of nothing": {"version": 1, "job": "metrics", "options": {"output": "/m/x.prom"}},
    "metrics for nobody": {"version": 1, "job": "metrics", "options": {"repositories": ["/r"]}},
    "metrics that nobody reads": {
        "version": 1,
        "job": "metrics",
        "options": {"repositories": ["/r"], "output": "/m/x.txt"},
    },
    "archive without place": {"version": 1, "job": "binlog_archive", "options": {"follow": True}},
}


@pytest.mark.parametrize("fields", INCONSISTENT.values(), ids=INCONSISTENT)
def test_options_that_make_no_sense_are_found_before_the_night(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        validate_job(parse_job(fields, "shop"))


def test_files(tmp_path: Path) -> None:
    (tmp_path / "shop.json").write_text(json.dumps(BACKUP))
    (tmp_path / ".shop.json.swp").write_text("")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "broken.json").write_text("{")
    assert job_names(str(tmp_path)) == ["broken", "shop"]
    assert read_job(job_path(str(tmp_path), "shop")).name == "shop"
    with pytest.raises(UsageError, match=r"broken\.json is not a JSON object"):
        read_job(job_path(str(tmp_path), "broken"))
    with pytest.raises(NotFoundError):
        read_job(job_path(str(tmp_path), "other"))
    with pytest.raises(NotFoundError):
        job_names(str(tmp_path / "nowhere"))
    for name in ("../shop", "a/b", "", ".hidden", "a@b"):
        with pytest.raises(UsageError, match="cannot be the name"):
            job_path(str(tmp_path), name)


def test_secrets_are_files_and_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private, credential = tmp_path / "private", tmp_path / "shop_s3"
    private.write_text("a Sécret\n")
    credential.write_text("another")
    private.chmod(0o600)
    credential.chmod(0o400)
    secrets = {"login_password": str(private), "s3_secret_key": "shop_s3", "webhook_url": "nowhere"}
    job = parse_job(backup(secrets=secrets), "shop")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(NotFoundError, match="credential shop_s3, and there are no credentials"):
        secret_values(job)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert secret_values(job) == {"login_password": "a Sécret", "s3_secret_key": "another"}
    private.chmod(0o644)
    with pytest.raises(UsageError, match="can be read by others"):
        secret_values(job)


def test_a_secret_that_is_a_path_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    fields = {"version": 1, "job": "verify", "options": {"repository": "/r"}, "secrets": {"identity_file": "age"}}
    assert secret_values(parse_job(fields, "verify")) == {"identity_file": str(tmp_path / "age")}
