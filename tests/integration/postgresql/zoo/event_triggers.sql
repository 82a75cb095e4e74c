-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA events;
CREATE FUNCTION events."Do ""it"" 'now'"() RETURNS event_trigger AS 'BEGIN END' LANGUAGE plpgsql;
CREATE EVENT TRIGGER plain ON ddl_command_start EXECUTE PROCEDURE events."Do ""it"" 'now'"();
CREATE EVENT TRIGGER "ev""ent
trigger" ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'DROP TABLE') EXECUTE PROCEDURE events."Do ""it"" 'now'"();
CREATE EVENT TRIGGER "table" ON sql_drop WHEN TAG IN ('DROP FUNCTION') EXECUTE PROCEDURE events."Do ""it"" 'now'"();
CREATE EVENT TRIGGER "Rewrite" ON table_rewrite EXECUTE PROCEDURE events."Do ""it"" 'now'"();
ALTER EVENT TRIGGER plain DISABLE;
ALTER EVENT TRIGGER "table" ENABLE ALWAYS;
ALTER EVENT TRIGGER "Rewrite" ENABLE REPLICA;
COMMENT ON EVENT TRIGGER "ev""ent
trigger" IS 'it''s an event trigger';
--- servers 17 and later
CREATE EVENT TRIGGER logged_in ON login EXECUTE FUNCTION events."Do ""it"" 'now'"();
ALTER EVENT TRIGGER logged_in DISABLE;
COMMENT ON EVENT TRIGGER logged_in IS 'at every login';
