-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Databases with every property, and hostile names in all of them; after globals.sql. (The genuine pg_restore and psql
-- refuse to connect to a database with a line break in its name.)
SET client_min_messages=warning;
CREATE DATABASE "Odd ""db"" 'name'; -- x" OWNER plain TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8' TABLESPACE fast CONNECTION LIMIT 7;
ALTER DATABASE "Odd ""db"" 'name'; -- x" SET work_mem TO '11MB';
ALTER DATABASE "Odd ""db"" 'name'; -- x" SET search_path TO "$user", "odd ""x", 'y''z';
ALTER DATABASE "Odd ""db"" 'name'; -- x" SET "my.Back" TO 'a\b''c';
ALTER ROLE plain IN DATABASE "Odd ""db"" 'name'; -- x" SET work_mem TO '12MB';
ALTER ROLE "select" IN DATABASE "Odd ""db"" 'name'; -- x" SET "DateStyle" TO 'ISO, DMY';
ALTER ROLE "new
line; DROP ROLE plain; --" IN DATABASE "Odd ""db"" 'name'; -- x" SET work_mem TO '13MB';
ALTER DATABASE "Odd ""db"" 'name'; -- x" IS_TEMPLATE true;
COMMENT ON DATABASE "Odd ""db"" 'name'; -- x" IS 'a \ comment''s';
REVOKE CONNECT ON DATABASE "Odd ""db"" 'name'; -- x" FROM PUBLIC;
GRANT CREATE ON DATABASE "Odd ""db"" 'name'; -- x" TO "select" WITH GRANT OPTION;
GRANT TEMPORARY ON DATABASE "Odd ""db"" 'name'; -- x" TO scram;
CREATE DATABASE latin TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C';
--- servers 17 and later
CREATE DATABASE built TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C';
--- all servers
CREATE DATABASE closed ALLOW_CONNECTIONS false;
ALTER DATABASE postgres SET work_mem TO '9MB';
REVOKE CONNECT ON DATABASE template1 FROM PUBLIC;
