-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA zoo_plain;
CREATE SCHEMA zoo_owned AUTHORIZATION zoo_owner;
CREATE SCHEMA "Zoo ""Quoted"" Schäma";
CREATE SCHEMA "select";
CREATE SCHEMA "new
line";
COMMENT ON SCHEMA "new
line" IS 'a comment
-- on two lines; with a semicolon and ''quotes'' and \ backslash';
GRANT USAGE ON SCHEMA zoo_plain TO zoo_reader;
GRANT ALL ON SCHEMA zoo_owned TO zoo_reader WITH GRANT OPTION;
GRANT USAGE ON SCHEMA "select" TO PUBLIC;
REVOKE ALL ON SCHEMA zoo_plain FROM CURRENT_USER;
GRANT USAGE ON SCHEMA zoo_plain TO "zoo ""odd"" Role", "select";
SET ROLE zoo_owner;
GRANT CREATE ON SCHEMA zoo_owned TO "select" WITH GRANT OPTION;
SET ROLE "select";
GRANT CREATE ON SCHEMA zoo_owned TO "zoo ""odd"" Role";
RESET ROLE;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO zoo_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner IN SCHEMA zoo_owned GRANT ALL ON SEQUENCES TO zoo_reader WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE "zoo ""odd"" Role" IN SCHEMA "select" GRANT USAGE ON TYPES TO "select";
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner REVOKE ALL ON TABLES FROM zoo_owner;
