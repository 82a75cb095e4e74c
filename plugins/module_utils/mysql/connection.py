# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Opens a connection: explicit options first, then the option file, then the defaults.

The password comes from ``MYSQL_PWD`` where neither the options nor the file give one.

TCP is used as soon as a host or a port is given explicitly; the option file's socket only where nothing explicit speaks
against it. ``localhost`` with a port therefore means that port, never the default socket.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import ssl
import typing as t

from .. import drivers
from ..errors import ConnectError, DbfleetError, DriverMissingError, NotFoundError, PrivilegeError, UsageError
from ..lazy_dataclass import dataclass
from . import faults, wire
from .option_file import read_option_file
from .options import ConnectionOptions
from .session import Session
from .ssl_modes import SSL_MODES

_LOG = logging.getLogger("dbfleet.mysql")
_VERIFYING = ("VERIFY_CA", "VERIFY_IDENTITY")
_TLS_REQUIRED = ("REQUIRED", *_VERIFYING)
_FALSE_WORDS = ("0", "off", "false", "no")
_ACCESS_DENIED = 1045


@dataclass(frozen=True)
class Endpoint:
    """A :class:`ConnectionOptions` with nothing left open.

    :param unix_socket: empty for TCP.
    :param ssl_mode: one of :data:`.ssl_modes.SSL_MODES`.
    """

    host: str
    port: int
    unix_socket: str
    user: str
    password: str = dataclasses.field(repr=False)
    ssl_mode: str = "PREFERRED"
    ca_cert: str = ""
    client_cert: str = ""
    client_key: str = ""
    connect_timeout: int = 30

    @property
    def address(self) -> str:
        """Where the server is, for messages."""
        return f"socket {self.unix_socket}" if self.unix_socket else f"{self.host}:{self.port}"


def connect(options: ConnectionOptions, *, database: str | None = None, sends_files: bool = False) -> Session:
    """Open a session: utf8mb4, autocommit, every value as bytes of text.

    :param database: the default database; ``None`` for none.
    :param sends_files: see :func:`.wire.run_with_file`.
    :raises UsageError: the options or the option file are wrong.
    :raises DriverMissingError: PyMySQL, or a package that the server's authentication needs, is not installed.
    :raises ConnectError: the server could not be reached, refused the login or does not offer the TLS asked for.
    :raises NotFoundError: the database does not exist.
    :raises PrivilegeError: the user may not use the database.
    """
    endpoint = resolve(options)
    driver = drivers.pymysql()
    context = _tls_context(endpoint)
    if endpoint.ssl_mode == "PREFERRED":
        try:
            return _open(driver, endpoint, database, context, sends_files=sends_files)
        except _TlsHandshakeFailed as failure:
            _LOG.debug("TLS with %s failed (%s); ssl_mode PREFERRED goes on without it", endpoint.address, failure)
            context = None
    return _open(driver, endpoint, database, context, sends_files=sends_files)


def resolve(options: ConnectionOptions) -> Endpoint:
    """Merge explicit options, option file and defaults.

    :raises UsageError: a value is not valid.
    """
    groups = ("client", options.option_group) if options.option_group else ("client",)
    if options.option_group and not options.option_file:
        raise UsageError(f"the option group [{options.option_group}] needs an option file")
    filed = read_option_file(options.option_file, groups) if options.option_file else {}
    explicit_tcp = bool(options.host) or options.port is not None
    host = options.host or filed.get("host", "") or "localhost"
    unix_socket = options.unix_socket
    if not unix_socket and not explicit_tcp and host == "localhost":
        unix_socket = filed.get("socket", "")
    ca_cert = options.ca_cert or filed.get("ssl-ca", "")
    return Endpoint(
        host=host,
        port=options.port if options.port is not None else _port(filed.get("port", "3306"), options.option_file),
        unix_socket=unix_socket,
        user=options.user or filed.get("user", "") or "root",
        password=options.password or filed.get("password", "") or os.environ.get("MYSQL_PWD", ""),
        ssl_mode=_ssl_mode(options.ssl_mode, filed, ca_cert),
        ca_cert=ca_cert,
        client_cert=options.client_cert or filed.get("ssl-cert", ""),
        client_key=options.client_key or filed.get("ssl-key", ""),
        connect_timeout=options.connect_timeout,
    )


def _port(text: str, path: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise UsageError(f"the port {text!r} in {path} is not a TCP port")
    return int(text)


def _ssl_mode(explicit: str, filed: t.Mapping[str, str], ca_cert: str) -> str:
    mode = (explicit or filed.get("ssl-mode", "")).upper()
    if mode:
        if mode not in SSL_MODES:
            raise UsageError(f"unknown ssl_mode {mode!r}", hint=f"use one of {', '.join(SSL_MODES)}")
        return mode
    # MariaDB's spelling of the same.
    if "skip-ssl" in filed or filed.get("ssl", "").lower() in _FALSE_WORDS:
        return "DISABLED"
    if filed.get("ssl-verify-server-cert", "off").lower() not in _FALSE_WORDS:
        return "VERIFY_IDENTITY"
    if ca_cert:
        # As the servers' own clients do: who names an authority wants it checked.
        return "VERIFY_CA"
    return "REQUIRED" if "ssl" in filed else "PREFERRED"


def _tls_context(endpoint: Endpoint) -> ssl.SSLContext | None:
    # As the servers' own clients have it: a socket file is encrypted only where that was asked for.
    if endpoint.ssl_mode == "DISABLED" or (endpoint.ssl_mode == "PREFERRED" and endpoint.unix_socket):
        return None
    try:
        context = ssl.create_default_context(cafile=endpoint.ca_cert or None)
        # The certificates that servers make for themselves lack extensions that Python 3.13's strict flag wants.
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        context.check_hostname = endpoint.ssl_mode == "VERIFY_IDENTITY"
        context.verify_mode = ssl.CERT_REQUIRED if endpoint.ssl_mode in _VERIFYING else ssl.CERT_NONE
        if endpoint.client_cert:
            context.load_cert_chain(endpoint.client_cert, endpoint.client_key or None)
    except (OSError, ssl.SSLError) as error:
        names = ", ".join(path for path in (endpoint.ca_cert, endpoint.client_cert, endpoint.client_key) if path)
        cause = error.reason if isinstance(error, ssl.SSLError) and error.reason else error.strerror
        raise UsageError(
            f"the TLS files {names} cannot be used: {cause}",
            hint="they must exist, be readable and hold PEM",
        ) from error
    return context


class _TlsHandshakeFailed(ConnectError):
    """The server offered TLS and the handshake failed."""


def _open(
    driver: t.Any, endpoint: Endpoint, database: str | None, context: ssl.SSLContext | None, *, sends_files: bool
) -> Session:
    try:
        connection = wire.open_connection(
            host=endpoint.host,
            port=endpoint.port,
            unix_socket=endpoint.unix_socket or None,
            user=endpoint.user,
            # The driver would encode text as latin1.
            password=endpoint.password.encode("utf-8"),
            database=database,
            connect_timeout=endpoint.connect_timeout,
            tls=context,
            tls_required=endpoint.ssl_mode in _TLS_REQUIRED,
            sends_files=sends_files,
        )
    except (driver.err.Error, OSError, RuntimeError, ValueError, ImportError) as error:
        raise _connect_error(error, endpoint, database) from error
    try:
        return Session(connection, host=endpoint.host, port=endpoint.port, unix_socket=endpoint.unix_socket)
    except BaseException:
        wire.drop(connection)
        raise


def _connect_error(error: Exception, endpoint: Endpoint, database: str | None) -> DbfleetError:
    cause = getattr(error, "original_exception", error)
    if isinstance(cause, ssl.SSLError):
        return _tls_error(cause, endpoint)
    number, message = faults.number_and_message(error)
    if isinstance(cause, OSError) and cause.strerror:
        message = cause.strerror
    where = f"{endpoint.address} as user {endpoint.user!r}"
    context: dict[str, t.Any] = {"host": endpoint.host, "port": endpoint.port, "errno": number or None}
    if isinstance(error, (RuntimeError, ImportError)):
        package = "cryptography" if "cryptography" in message else "PyNaCl" if "nacl" in message.lower() else ""
        if package:
            return DriverMissingError(
                f"the Python package {package} is needed for this account's authentication and is not installed",
                hint=f"install it for this Python, for example: pip install {package}",
                package=package,
            )
    if number == faults.UNKNOWN_DATABASE:
        return NotFoundError(
            f"there is no database {database!r} on {endpoint.address}", hint="check the name", database=database
        )
    if number == 1044:
        return PrivilegeError(
            f"user {endpoint.user!r} may not use the database {database!r} on {endpoint.address}, or it does not exist",
            hint="check the name, or grant the user privileges on it",
            database=database,
        )
    return ConnectError(f"cannot connect to {where}: {message}", hint=_connect_hint(number, cause, endpoint), **context)


def _tls_error(error: ssl.SSLError, endpoint: Endpoint) -> ConnectError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConnectError(
            f"the certificate of {endpoint.address} was not accepted: {error.verify_message}",
            hint=f"ssl_mode is {endpoint.ssl_mode}: give the authority's certificate as ca_cert and its name as host",
        )
    return _TlsHandshakeFailed(
        f"TLS with {endpoint.address} failed: {error.reason or error}", hint="see the server's TLS settings"
    )


def _connect_hint(number: int, cause: BaseException, endpoint: Endpoint) -> str:
    hints = {
        _ACCESS_DENIED: "check the user and the password",
        1040: "raise max_connections or close connections",
        1129: "the server blocked this host after failed connections: FLUSH HOSTS",
        1130: "the server allows no account from this host: create the user for it",
        1698: "this account logs in through the socket as the system user of its name",
        2026: f"ssl_mode is {endpoint.ssl_mode} and is never weakened: enable TLS on the server or choose another mode",
        2059: "use an account with a password plugin that PyMySQL knows, or a newer PyMySQL",
    }
    if number in hints:
        return hints[number]
    if isinstance(cause, FileNotFoundError):
        return "there is no such socket: is the server running, and is the path right?"
    if isinstance(cause, PermissionError):
        return "the socket may not be opened by this system user"
    if isinstance(cause, ConnectionRefusedError):
        return "is the server running and listening there?"
    if isinstance(cause, OSError):
        return "check host, port and firewall"
    return ""
