# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of object storage on the loopback address: three implementations that share no code."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.config
import botocore.exceptions
import botocore.session

from dbfleet.repository.access import Access

BUCKET = "backups"
KEY, SECRET = "loopback", "not-a-secret"
ACCESS = Access(s3_access_key=KEY, s3_secret_key=SECRET)
_BIN = Path(sys.executable).parent
KINDS = ("moto", "seaweedfs", "rclone")


@dataclasses.dataclass(frozen=True)
class Store:
    """One running server with one bucket.

    :param endpoint: its address.
    """

    kind: str
    endpoint: str

    def url(self, *, endpoint: str = "", more: str = "") -> str:
        """A new place in the bucket."""
        return f"s3://{BUCKET}/{uuid.uuid4().hex}/{'%25a b'}?endpoint={endpoint or self.endpoint}{more}"

    def client(self) -> Any:
        """The library's own client, to look at what is there."""
        session = botocore.session.get_session()
        session.set_credentials(KEY, SECRET)
        config = botocore.config.Config(s3={"addressing_style": "path"})
        return session.create_client("s3", region_name="us-east-1", endpoint_url=self.endpoint, config=config)

    def keys(self, url: str) -> list[str]:
        """The keys below a URL, without its prefix."""
        prefix = url.partition(f"//{BUCKET}/")[2].partition("?")[0] + "/"
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return sorted(one["Key"].removeprefix(prefix) for page in pages for one in page.get("Contents", ()))


@contextlib.contextmanager
def running_store(kind: str, folder: Path) -> Iterator[Store]:
    """A server that is up, with the bucket."""
    ports = free_ports(8)
    endpoint = f"http://127.0.0.1:{ports[0]}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            _command(kind, folder, ports), stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=folder
        )
        try:
            store = Store(kind, endpoint)
            _wait_for(store, process, folder / "log")
            yield store
        finally:
            # Nothing of it is to be kept, and some take their time to end.
            process.kill()
            process.wait()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _number in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _command(kind: str, folder: Path, ports: list[int]) -> list[str]:
    port = str(ports[0])
    if kind == "moto":
        return [str(_BIN / "moto_server"), "-H", "127.0.0.1", "-p", port]
    if kind == "rclone":
        (folder / "data").mkdir()
        words = ["serve", "s3", "--auth-key", f"{KEY},{SECRET}", "--addr", f"127.0.0.1:{port}", "--config", "/dev/null"]
        return [str(_BIN / "rclone"), *words, str(folder / "data")]
    credentials = {"accessKey": KEY, "secretKey": SECRET}
    identity = {"name": "tests", "credentials": [credentials], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    # Its gRPC ports are 10,000 above the others unless they are named.
    names = ("s3.port", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port")
    named = [f"-{name}={number}" for name, number in zip((*names, "filer.port.grpc", "s3.port.grpc"), ports)]
    return [
        str(_BIN / "weed"), "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3",
        f"-s3.config={folder / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0",
        "-master.volumeSizeLimitMB=128", "-volume.max=50", *named,
    ]  # fmt: skip


def _wait_for(store: Store, process: subprocess.Popen[bytes], log: Path) -> None:
    client = store.client()
    end = time.monotonic() + 60
    while True:
        try:
            if BUCKET not in [one["Name"] for one in client.list_buckets()["Buckets"]]:
                client.create_bucket(Bucket=BUCKET)
            # A server may answer before it can store.
            client.put_object(Bucket=BUCKET, Key="is/up", Body=b"up")
            return
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
            if time.monotonic() > end or process.poll() is not None:
                raise RuntimeError(f"{store.kind} did not start: {log.read_text(errors='replace')[-2000:]}") from None
            time.sleep(0.2)
