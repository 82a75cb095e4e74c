-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA zoo_functions;
CREATE FUNCTION zoo_functions.plain(a integer, b text DEFAULT 'x''y') RETURNS text LANGUAGE sql AS $$ SELECT a || b $$;
CREATE FUNCTION zoo_functions.plain(a integer, b integer) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 5 AS 'SELECT a + b';
CREATE FUNCTION zoo_functions."Odd ""name"" é"(INOUT "x ""y""" integer, OUT z text, VARIADIC more text[]) LANGUAGE plpgsql STABLE LEAKPROOF SECURITY DEFINER
    SET search_path TO zoo_functions, "Odd ""Schema""", pg_temp SET work_mem = '8MB' SET datestyle TO 'iso, dmy' SET search_path FROM CURRENT AS $_$ BEGIN z := $$a;b$$; END $_$;
CREATE FUNCTION zoo_functions.tabled() RETURNS TABLE (a integer, "b c" text) LANGUAGE sql ROWS 7 AS $function$ SELECT 1, 'x$$y$_$' $function$;
CREATE TABLE zoo_functions.t (a integer, b text);
CREATE FUNCTION zoo_functions.rows_of_t(n integer) RETURNS SETOF zoo_functions.t LANGUAGE sql AS 'SELECT * FROM zoo_functions.t LIMIT n';
CREATE FUNCTION zoo_functions.of_row(zoo_functions.t[]) RETURNS zoo_functions.t LANGUAGE sql AS 'SELECT $1[1]';
CREATE FUNCTION zoo_functions.windowed(anyelement) RETURNS anyelement LANGUAGE internal WINDOW IMMUTABLE STRICT AS 'window_first_value';
CREATE FUNCTION zoo_functions.in_c(text) RETURNS bigint LANGUAGE internal IMMUTABLE STRICT PARALLEL RESTRICTED AS 'textlen';
CREATE FUNCTION zoo_functions.trg() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION zoo_functions.empty_path() RETURNS void LANGUAGE sql SET search_path TO '' AS '';
ALTER FUNCTION zoo_functions.plain(integer, text) OWNER TO zoo_owner;
COMMENT ON FUNCTION zoo_functions.plain(integer, text) IS 'plain';
GRANT EXECUTE ON FUNCTION zoo_functions.plain(integer, integer) TO zoo_reader;
REVOKE EXECUTE ON FUNCTION zoo_functions.plain(integer, integer) FROM PUBLIC;
-- A default, a check and an index that call functions; a default that calls a function on the table's own rows.
CREATE TABLE zoo_functions.using_them (
    a integer DEFAULT zoo_functions.plain(1, 2), b integer CHECK (zoo_functions.plain(b, 1) > 0)
);
CREATE INDEX using_them_f ON zoo_functions.using_them (zoo_functions.plain(a, b));
CREATE TABLE zoo_functions.own_rows (a integer);
CREATE FUNCTION zoo_functions.row_count(zoo_functions.own_rows) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
ALTER TABLE zoo_functions.own_rows ALTER a SET DEFAULT zoo_functions.row_count(NULL), ADD CHECK (zoo_functions.row_count(own_rows) > 0);
CREATE TRIGGER "Trigger ""x""" BEFORE INSERT OR UPDATE OF a, b ON zoo_functions.t FOR EACH ROW WHEN (NEW.a > 0 AND NEW.b <> 'x;y')
    EXECUTE PROCEDURE zoo_functions.trg('it''s', 'b');
CREATE TRIGGER statement AFTER TRUNCATE ON zoo_functions.t EXECUTE PROCEDURE zoo_functions.trg();
CREATE TRIGGER switched_off AFTER DELETE ON zoo_functions.t FOR EACH ROW EXECUTE PROCEDURE zoo_functions.trg();
CREATE TRIGGER always AFTER DELETE ON zoo_functions.t FOR EACH ROW EXECUTE PROCEDURE zoo_functions.trg();
CREATE TRIGGER on_replica AFTER DELETE ON zoo_functions.t FOR EACH ROW EXECUTE PROCEDURE zoo_functions.trg();
CREATE CONSTRAINT TRIGGER checking AFTER INSERT ON zoo_functions.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE PROCEDURE zoo_functions.trg();
CREATE TRIGGER transitions AFTER UPDATE ON zoo_functions.t REFERENCING OLD TABLE AS o NEW TABLE AS "n ""w""" FOR EACH STATEMENT EXECUTE PROCEDURE zoo_functions.trg();
ALTER TABLE zoo_functions.t DISABLE TRIGGER switched_off, ENABLE ALWAYS TRIGGER always, ENABLE REPLICA TRIGGER on_replica;
COMMENT ON TRIGGER "Trigger ""x""" ON zoo_functions.t IS 'a trigger';
CREATE VIEW zoo_functions.v AS SELECT * FROM zoo_functions.t;
CREATE TRIGGER instead INSTEAD OF INSERT ON zoo_functions.v FOR EACH ROW EXECUTE PROCEDURE zoo_functions.trg();
--- servers 11 and later
CREATE PROCEDURE zoo_functions.proc(a integer, INOUT b text DEFAULT NULL) LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;
COMMENT ON PROCEDURE zoo_functions.proc(integer, text) IS 'a procedure';
GRANT EXECUTE ON PROCEDURE zoo_functions.proc(integer, text) TO zoo_reader;
CREATE TABLE zoo_functions.parted (a integer) PARTITION BY LIST (a);
CREATE TABLE zoo_functions.parted_1 PARTITION OF zoo_functions.parted FOR VALUES IN (1);
CREATE TABLE zoo_functions.parted_2 PARTITION OF zoo_functions.parted FOR VALUES IN (2);
CREATE TRIGGER cloned AFTER INSERT ON zoo_functions.parted FOR EACH ROW EXECUTE PROCEDURE zoo_functions.trg();
ALTER TABLE zoo_functions.parted_2 DISABLE TRIGGER cloned;
--- servers 14 and later
CREATE FUNCTION zoo_functions.standard(a integer) RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT a + 1; SELECT CASE WHEN a > 0 THEN 1 ELSE 2 END; END;
CREATE FUNCTION zoo_functions.returning(a integer) RETURNS integer LANGUAGE sql IMMUTABLE RETURN a * 2;
CREATE PROCEDURE zoo_functions.out_proc(OUT x integer) LANGUAGE sql AS 'SELECT 1';
CREATE TABLE zoo_functions.keyed (id integer PRIMARY KEY, name text);
-- A body that needs a primary key comes after the data.
CREATE FUNCTION zoo_functions.grouped() RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT name FROM zoo_functions.keyed GROUP BY id; END;
