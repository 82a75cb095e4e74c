-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

-- What came with the server or an extension is not dumped, but that its privileges were changed.
CREATE SCHEMA given;
CREATE EXTENSION postgres_fdw SCHEMA given;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'nowhere', dbname 'none');
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO zoo_reader, "Zöo, Reader";
GRANT USAGE ON LANGUAGE plpgsql TO zoo_owner WITH GRANT OPTION;
REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
