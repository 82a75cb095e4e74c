-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

-- What belongs to the whole server. It is run on a server of its own: half of it cannot be undone.
SET client_min_messages = warning;
SET password_encryption = 'md5';
CREATE ROLE plain;
CREATE ROLE "select" LOGIN PASSWORD 'it''s "odd" \ secret';
CREATE ROLE "Quo""ted 'role' \ name" NOINHERIT CREATEDB CREATEROLE CONNECTION LIMIT 3;
CREATE ROLE "new
line; DROP ROLE plain; --" LOGIN VALID UNTIL '2031-02-03 04:05:06.789+05:30';
CREATE ROLE "Größe 顧客" REPLICATION BYPASSRLS CONNECTION LIMIT 0 VALID UNTIL 'infinity';
CREATE ROLE "1 leading digit, comma=equals" SUPERUSER VALID UNTIL '-infinity';
CREATE ROLE xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx LOGIN;
CREATE ROLE "$dollar$" NOLOGIN CONNECTION LIMIT -1;
CREATE ROLE ".dots.and/slashes" LOGIN;
SET password_encryption = 'scram-sha-256';
CREATE ROLE scram LOGIN PASSWORD 'secret';
COMMENT ON ROLE plain IS 'it''s a \ "comment"
of two lines';
COMMENT ON ROLE "select" IS '';
COMMENT ON ROLE "Quo""ted 'role' \ name" IS '-- not a comment; /* nor this';

-- Settings: lists, quotes, names with a dot, backslashes.
ALTER ROLE plain SET search_path TO "$user", public, "odd ""schema, name", 'it''s';
ALTER ROLE plain SET work_mem TO '17MB';
ALTER ROLE plain SET temp_tablespaces TO '';
ALTER ROLE plain SET "odd.Parameter" TO 'a ''quoted'' \ value';
ALTER ROLE "Quo""ted 'role' \ name" SET datestyle TO 'German, YMD';
ALTER ROLE "Quo""ted 'role' \ name" SET local_preload_libraries TO '', 'a, b', "c""d";
ALTER ROLE "new
line; DROP ROLE plain; --" SET search_path TO '';
ALTER ROLE "new
line; DROP ROLE plain; --" SET application_name TO '';
ALTER ROLE "select" SET application_name TO 'line
break';
ALTER ROLE postgres SET statement_timeout TO 0;
ALTER ROLE ALL SET lock_timeout TO '61s';
ALTER ROLE ALL SET "odd.All" TO 'a''b';

-- Memberships: chains, admin options, predefined roles, members of several.
GRANT plain TO "select", "Quo""ted 'role' \ name" WITH ADMIN OPTION;
GRANT "select" TO "new
line; DROP ROLE plain; --";
GRANT "Größe 顧客" TO plain;
GRANT pg_monitor TO plain, "select";
GRANT pg_signal_backend TO "$dollar$" WITH ADMIN OPTION;
GRANT ".dots.and/slashes" TO "Größe 顧客", scram;
--- servers 14 and later
GRANT pg_read_all_data TO scram;
--- servers 16 and later
-- A grantor must have been granted the option to grant before: here in an order that no sorting by name gives.
CREATE ROLE chain;
CREATE ROLE z_first; CREATE ROLE y_second; CREATE ROLE x_third; CREATE ROLE a_last; CREATE ROLE b_last;
GRANT chain TO z_first WITH ADMIN OPTION, INHERIT FALSE, SET TRUE;
GRANT chain TO y_second WITH ADMIN OPTION, INHERIT TRUE, SET FALSE GRANTED BY z_first;
GRANT chain TO x_third WITH ADMIN TRUE, INHERIT FALSE, SET FALSE GRANTED BY y_second;
GRANT chain TO a_last WITH INHERIT FALSE GRANTED BY x_third;
GRANT chain TO a_last WITH SET FALSE GRANTED BY y_second;
GRANT chain TO b_last GRANTED BY z_first;
GRANT chain TO b_last;
--- servers 15 and later
GRANT SET ON PARAMETER work_mem, "odd.Param" TO plain, "Quo""ted 'role' \ name" WITH GRANT OPTION;
GRANT ALTER SYSTEM ON PARAMETER log_statement TO "select";
GRANT SET, ALTER SYSTEM ON PARAMETER search_path TO PUBLIC;
SET SESSION AUTHORIZATION plain;
GRANT SET ON PARAMETER work_mem TO "select";
RESET SESSION AUTHORIZATION;
--- all servers
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE fast LOCATION '';
CREATE TABLESPACE "Odd ""space"" 'name'" OWNER "Quo""ted 'role' \ name" LOCATION '';
ALTER TABLESPACE fast SET (random_page_cost = 1.1, seq_page_cost = 0.9, effective_io_concurrency = 7);
GRANT CREATE ON TABLESPACE fast TO plain WITH GRANT OPTION;
GRANT CREATE ON TABLESPACE "Odd ""space"" 'name'" TO PUBLIC;
COMMENT ON TABLESPACE fast IS 'it''s fast';
COMMENT ON TABLESPACE "Odd ""space"" 'name'" IS 'odd';
