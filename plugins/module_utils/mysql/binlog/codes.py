# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The numbers of the binlog's event types and flags, of MySQL to 9.x and MariaDB."""

from __future__ import annotations

MAGIC = b"\xfebin"
ENCRYPTED_MAGIC = b"\xfdbin"

QUERY = 2
STOP = 3
ROTATE = 4
INTVAR = 5
APPEND_BLOCK = 9
DELETE_FILE = 11
RAND = 13
USER_VAR = 14
FORMAT_DESCRIPTION = 15
XID = 16
BEGIN_LOAD_QUERY = 17
EXECUTE_LOAD_QUERY = 18
TABLE_MAP = 19
WRITE_ROWS_V1 = 23
UPDATE_ROWS_V1 = 24
DELETE_ROWS_V1 = 25
INCIDENT = 26
HEARTBEAT = 27
IGNORABLE = 28
ROWS_QUERY = 29
WRITE_ROWS = 30
UPDATE_ROWS = 31
DELETE_ROWS = 32
GTID = 33
ANONYMOUS_GTID = 34
PREVIOUS_GTIDS = 35
TRANSACTION_CONTEXT = 36
VIEW_CHANGE = 37
XA_PREPARE = 38
PARTIAL_UPDATE_ROWS = 39
TRANSACTION_PAYLOAD = 40
HEARTBEAT_V2 = 41
GTID_TAGGED = 42
ANNOTATE_ROWS = 160
BINLOG_CHECKPOINT = 161
MARIADB_GTID = 162
GTID_LIST = 163
START_ENCRYPTION = 164
QUERY_COMPRESSED = 165
WRITE_ROWS_COMPRESSED_V1 = 166
UPDATE_ROWS_COMPRESSED_V1 = 167
DELETE_ROWS_COMPRESSED_V1 = 168
WRITE_ROWS_COMPRESSED = 169
UPDATE_ROWS_COMPRESSED = 170
DELETE_ROWS_COMPRESSED = 171

#: Every event type that a server of today writes, by the name that SHOW BINLOG EVENTS gives it.
NAMES = {
    QUERY: "Query",
    STOP: "Stop",
    ROTATE: "Rotate",
    INTVAR: "Intvar",
    APPEND_BLOCK: "Append_block",
    DELETE_FILE: "Delete_file",
    RAND: "RAND",
    USER_VAR: "User var",
    FORMAT_DESCRIPTION: "Format_desc",
    XID: "Xid",
    BEGIN_LOAD_QUERY: "Begin_load_query",
    EXECUTE_LOAD_QUERY: "Execute_load_query",
    TABLE_MAP: "Table_map",
    WRITE_ROWS_V1: "Write_rows_v1",
    UPDATE_ROWS_V1: "Update_rows_v1",
    DELETE_ROWS_V1: "Delete_rows_v1",
    INCIDENT: "Incident",
    HEARTBEAT: "Heartbeat",
    IGNORABLE: "Ignorable",
    ROWS_QUERY: "Rows_query",
    WRITE_ROWS: "Write_rows",
    UPDATE_ROWS: "Update_rows",
    DELETE_ROWS: "Delete_rows",
    GTID: "Gtid",
    ANONYMOUS_GTID: "Anonymous_Gtid",
    PREVIOUS_GTIDS: "Previous_gtids",
    TRANSACTION_CONTEXT: "Transaction_context",
    VIEW_CHANGE: "View_change",
    XA_PREPARE: "XA_prepare",
    PARTIAL_UPDATE_ROWS: "Update_rows_partial",
    TRANSACTION_PAYLOAD: "Transaction_payload",
    HEARTBEAT_V2: "Heartbeat_v2",
    GTID_TAGGED: "Gtid_tagged_log_event",
    ANNOTATE_ROWS: "Annotate_rows",
    BINLOG_CHECKPOINT: "Binlog_checkpoint",
    MARIADB_GTID: "Gtid",
    GTID_LIST: "Gtid_list",
    START_ENCRYPTION: "Start_encryption",
    QUERY_COMPRESSED: "Query_compressed",
    WRITE_ROWS_COMPRESSED_V1: "Write_rows_compressed_v1",
    UPDATE_ROWS_COMPRESSED_V1: "Update_rows_compressed_v1",
    DELETE_ROWS_COMPRESSED_V1: "Delete_rows_compressed_v1",
    WRITE_ROWS_COMPRESSED: "Write_rows_compressed",
    UPDATE_ROWS_COMPRESSED: "Update_rows_compressed",
    DELETE_ROWS_COMPRESSED: "Delete_rows_compressed",
}

#: What MariaDB's compressed row events are once they are decompressed.
UNCOMPRESSED = {
    QUERY_COMPRESSED: QUERY,
    WRITE_ROWS_COMPRESSED_V1: WRITE_ROWS_V1,
    UPDATE_ROWS_COMPRESSED_V1: UPDATE_ROWS_V1,
    DELETE_ROWS_COMPRESSED_V1: DELETE_ROWS_V1,
    WRITE_ROWS_COMPRESSED: WRITE_ROWS,
    UPDATE_ROWS_COMPRESSED: UPDATE_ROWS,
    DELETE_ROWS_COMPRESSED: DELETE_ROWS,
}

INSERTS = frozenset((WRITE_ROWS_V1, WRITE_ROWS))
UPDATES = frozenset((UPDATE_ROWS_V1, UPDATE_ROWS, PARTIAL_UPDATE_ROWS))
DELETES = frozenset((DELETE_ROWS_V1, DELETE_ROWS))
ROWS = INSERTS | UPDATES | DELETES
ROWS_V1 = frozenset((WRITE_ROWS_V1, UPDATE_ROWS_V1, DELETE_ROWS_V1))

#: The file is being written, or its server died; only in a format description event.
FLAG_IN_USE = 0x1
#: Made for the connection that reads, not part of the file.
FLAG_ARTIFICIAL = 0x20
#: A reader that does not know the type may leave the event out.
FLAG_IGNORABLE = 0x80
