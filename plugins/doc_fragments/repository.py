# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Where managed backups live."""

    DOCUMENTATION = r"""
options:
  repository:
    description:
      - The folder on the host that keeps the backups of any number of servers and databases, each with its manifest.
      - A share that is mounted on the host will do.
      - Or object storage that speaks S3, as C(s3://bucket/prefix?endpoint=https://storage.example.com&region=eu-1).
        Without C(endpoint) it is Amazon's. Further parameters are C(profile), C(addressing) (V(path) or V(virtual)),
        C(ca_cert) and C(part_size). It needs the Python package C(boto3) on the host.
    type: path
  s3_access_key:
    description:
      - The access key of a repository in object storage.
      - Without it, the credentials come from where Amazon's own tools have them, which are the environment, C(~/.aws)
        and the role of the machine.
    type: str
  s3_secret_key:
    description:
      - The secret key that belongs to O(s3_access_key).
    type: str
  s3_session_token:
    description:
      - The session token, where O(s3_access_key) is one of temporary credentials.
    type: str
  cluster:
    description:
      - The name of the server in the repository.
      - Without it, a backup is filed under C(HOST-PORT), with the host's own name for a server reached over a socket or
        the loopback address. Reading from a repository needs it only where the repository holds several.
    type: str
"""
