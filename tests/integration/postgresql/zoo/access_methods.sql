-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA access;
CREATE FUNCTION access."han""dler"(internal) RETURNS index_am_handler AS 'bthandler' LANGUAGE internal STRICT;
CREATE ACCESS METHOD "Btree, too" TYPE INDEX HANDLER access."han""dler";
CREATE ACCESS METHOD "order" TYPE INDEX HANDLER pg_catalog.gisthandler;
COMMENT ON ACCESS METHOD "Btree, too" IS 'another ''btree''';
--- servers 12 and later
CREATE ACCESS METHOD "heap
two" TYPE TABLE HANDLER heap_tableam_handler;
