# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How to reach a server of either kind."""

    DOCUMENTATION = r"""
options:
  dbms:
    description:
      - Which kind of server to connect to.
      - MySQL and MariaDB speak the same protocol, V(mysql) and V(mariadb) mean the same here.
    type: str
    choices:
      postgresql: A PostgreSQL server, version 10 or later.
      mysql: A MySQL server, version 5.7 or later.
      mariadb: A MariaDB server, version 10.5 or later.
    required: true
  login_host:
    description:
      - The name or address of the server.
      - For PostgreSQL a value that begins with a slash is the folder of the server's socket, as in libpq.
      - Ignored where O(login_unix_socket) is set.
    type: str
  login_port:
    description:
      - The port of the server.
      - PostgreSQL's sockets are named after the port, so it matters there too.
    type: int
  login_unix_socket:
    description:
      - The path of the server's socket; for PostgreSQL the folder that the socket is in.
    type: path
  login_user:
    description:
      - The user to connect as.
    type: str
  login_password:
    description:
      - The password of O(login_user).
      - Without it, E(PGPASSWORD) is used for PostgreSQL and E(MYSQL_PWD) for MySQL and MariaDB, from the environment of
        the module on the host, unless C(service), C(passfile) or C(option_file) say otherwise.
      - It never appears in an argument list, a log or a result.
    type: str
  ssl_mode:
    description:
      - How far the connection is encrypted and the server verified.
      - The modes in lower case are those of PostgreSQL, those in upper case are those of MySQL and MariaDB.
      - A mode that asks for encryption or verification is never weakened.
    type: str
    choices:
      disable: PostgreSQL. No encryption.
      allow: PostgreSQL. Encryption only if the server insists.
      prefer: PostgreSQL. Encryption if the server offers it. This is libpq's default.
      require: PostgreSQL. Encryption, without verifying the server.
      verify-ca: PostgreSQL. Encryption, and the server's certificate comes from an authority in O(ca_cert).
      verify-full: PostgreSQL. As V(verify-ca), and the certificate is for the host connected to.
      DISABLED: MySQL and MariaDB. No encryption.
      PREFERRED: MySQL and MariaDB. Encryption if the server offers it. This is the default.
      REQUIRED: MySQL and MariaDB. Encryption, without verifying the server.
      VERIFY_CA: MySQL and MariaDB. Encryption, and the server's certificate comes from an authority in O(ca_cert).
      VERIFY_IDENTITY: MySQL and MariaDB. As V(VERIFY_CA), and the certificate is for the host connected to.
  ca_cert:
    description:
      - A file with the certificates of the authorities to trust.
    type: path
  ssl_cert:
    description:
      - The file of the client's certificate.
    type: path
    aliases: [client_cert]
  ssl_key:
    description:
      - The file of the private key that belongs to O(ssl_cert).
    type: path
    aliases: [client_key]
  connect_timeout:
    description:
      - How many seconds to wait for a connection.
    type: int
    default: 30
  python_environment:
    description:
      - The virtual environment on the host that holds the database drivers.
      - If the Python that runs the module lacks a package that this environment has, the module starts again there.
      - Without it, the Python that E(DBFLEET_PYTHON) names is tried, else C(/opt/dbfleet/venv/bin/python).
    type: path
requirements:
  - Python 3.9 or later on the host
  - psycopg 3.1 or later (C(psycopg[binary])) for PostgreSQL
  - PyMySQL 1.1 or later for MySQL and MariaDB
"""
