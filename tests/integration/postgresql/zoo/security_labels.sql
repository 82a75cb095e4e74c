-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Labels are written into the catalogs by hand: no build has a label provider. So they cannot be restored.
CREATE SCHEMA labels;
CREATE TABLE labels."ta""ble" (a integer, "B b" text);
CREATE VIEW labels.view AS SELECT 1 AS "Z z";
CREATE MATERIALIZED VIEW labels.matview AS SELECT 1 AS a;
CREATE SEQUENCE labels."sequence";
CREATE FUNCTION labels."func""tion"(a integer) RETURNS integer AS 'SELECT 1' LANGUAGE sql;
CREATE TYPE labels."ty pe" AS ENUM ('a');
CREATE TYPE labels.composite AS (a integer);
CREATE DOMAIN labels.domain AS integer;
CREATE FUNCTION labels.handler() RETURNS language_handler AS '$libdir/plpgsql', 'plpgsql_call_handler' LANGUAGE c;
CREATE LANGUAGE "lang uage" HANDLER labels.handler;
CREATE FUNCTION labels.fire() RETURNS event_trigger AS 'BEGIN END' LANGUAGE plpgsql;
CREATE EVENT TRIGGER "lab el" ON sql_drop EXECUTE PROCEDURE labels.fire();
CREATE PUBLICATION "pub lication";
CREATE FOREIGN DATA WRAPPER wrapper;
CREATE SUBSCRIPTION "sub scr" CONNECTION '' PUBLICATION p WITH (connect = false, slot_name = NONE);
CREATE SERVER server FOREIGN DATA WRAPPER wrapper;
CREATE FOREIGN TABLE labels.foreign (a integer, b text) SERVER server;
INSERT INTO pg_catalog.pg_seclabel (classoid, objoid, objsubid, provider, label)
    SELECT 'pg_class'::regclass, oid, 0, 'Provi der', 'it''s the label of ' || relname FROM pg_class
    WHERE relnamespace = 'labels'::regnamespace AND relkind <> 'c'
    UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum, 'dummy', attname FROM pg_attribute
    WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'labels'::regnamespace AND relkind IN ('r', 'v', 'm', 'f'))
        AND attnum > 0
    UNION ALL SELECT 'pg_proc'::regclass, oid, 0, 'dummy', proname FROM pg_proc WHERE pronamespace = 'labels'::regnamespace
        AND proname = 'func"tion'
    UNION ALL SELECT 'pg_type'::regclass, oid, 0, 'dummy', typname FROM pg_type WHERE typnamespace = 'labels'::regnamespace
        AND typname IN ('ty pe', 'composite', 'domain')
    UNION ALL SELECT 'pg_namespace'::regclass, oid, 0, 'dummy', nspname FROM pg_namespace WHERE nspname = 'labels'
    UNION ALL SELECT 'pg_language'::regclass, oid, 0, 'dummy', lanname FROM pg_language WHERE lanname = 'lang uage'
    UNION ALL SELECT 'pg_event_trigger'::regclass, oid, 0, 'dummy', evtname FROM pg_event_trigger
    UNION ALL SELECT 'pg_publication'::regclass, oid, 0, 'dummy', pubname FROM pg_publication;
INSERT INTO pg_catalog.pg_shseclabel (classoid, objoid, provider, label)
    SELECT 'pg_subscription'::regclass, oid, 'dummy', subname FROM pg_subscription WHERE subname = 'sub scr';
