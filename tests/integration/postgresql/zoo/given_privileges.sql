-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

-- What came with the server or an extension is not dumped, but that its privileges were changed.
CREATE SCHEMA given;
CREATE EXTENSION postgres_fdw SCHEMA given;
CREATE EXTENSION pg_buffercache SCHEMA given;
CREATE EXTENSION hstore SCHEMA given;
CREATE EXTENSION lo SCHEMA given;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'nowhere', dbname 'none');
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO zoo_reader, "Zöo, Reader";
GRANT USAGE ON LANGUAGE plpgsql TO zoo_owner WITH GRANT OPTION;
REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
REVOKE ALL ON FUNCTION given.hstore(text, text) FROM PUBLIC;
GRANT ALL ON FUNCTION given.hstore(text, text) TO zoo_reader;
GRANT SELECT ON given.pg_buffercache TO zoo_reader;
GRANT SELECT (relfilenode, bufferid) ON given.pg_buffercache TO "Zöo, Reader";
REVOKE ALL ON TYPE given.hstore FROM PUBLIC;
GRANT ALL ON TYPE given.hstore TO zoo_owner;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO zoo_reader;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_logdir() TO zoo_reader WITH GRANT OPTION;
REVOKE EXECUTE ON FUNCTION pg_catalog.version() FROM PUBLIC;
REVOKE ALL ON FUNCTION pg_catalog.count(), pg_catalog.sum(bigint) FROM PUBLIC;
GRANT SELECT ON pg_catalog.pg_authid TO zoo_reader;
GRANT SELECT (rolname) ON pg_catalog.pg_authid TO "Zöo, Reader";
REVOKE SELECT ON pg_catalog.pg_am FROM PUBLIC;
REVOKE USAGE ON TYPE pg_catalog.money FROM PUBLIC;
GRANT CREATE ON SCHEMA pg_catalog TO zoo_owner;
