# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""How far a connection to MySQL and MariaDB is encrypted and the server verified, from the weakest to the strongest."""

from __future__ import annotations

SSL_MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
