# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How a restore of PostgreSQL is run."""

    DOCUMENTATION = r"""
options:
  replace:
    description:
      - With O(create), replace a database of that name. The new one is restored beside it; when it is complete and has
        been looked at, the two change places in one transaction and the old one is dropped.
      - Sessions in the old database are ended at that moment.
      - Does not go with O(on_error=continue).
      - PostgreSQL only.
    type: bool
  skip_existing:
    description:
      - Leave an object that exists in the target as it is, with its data and whatever else of the backup belongs to it.
        The result names what was passed over.
      - The target need not be empty then.
      - PostgreSQL only.
    type: bool
  no_data_for_failed_tables:
    description:
      - With O(on_error=continue), load no data into a table that could not be made, for example because it exists.
      - PostgreSQL only.
    type: bool
  single_transaction:
    description:
      - Restore everything in one transaction, so that a failure leaves the target as it was.
      - This is what happens in an existing database anyway, unless the server's lock table has no room for it; with
        this option such a restore is refused.
      - Does not go with O(jobs), O(transaction_size) and O(on_error=continue).
      - PostgreSQL only.
    type: bool
  transaction_size:
    description:
      - Commit after this number of items.
      - A restore that fails leaves what was committed before in an existing database.
      - PostgreSQL only.
    type: int
"""
