-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA zoo_aggregates;
CREATE FUNCTION zoo_aggregates.add(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
CREATE FUNCTION zoo_aggregates.subtract(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 - $2';
CREATE FUNCTION zoo_aggregates."end ""x"""(integer) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1::text';
CREATE FUNCTION zoo_aggregates.end_extra(integer, integer) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1::text';
CREATE AGGREGATE zoo_aggregates."Total ""of"" it"(integer) (sfunc = zoo_aggregates.add, stype = integer, sspace = 64, initcond = '0',
    finalfunc = zoo_aggregates."end ""x""", combinefunc = zoo_aggregates.add, parallel = safe);
CREATE AGGREGATE zoo_aggregates.moving(integer) (sfunc = zoo_aggregates.add, stype = integer, finalfunc = zoo_aggregates.end_extra, finalfunc_extra,
    msfunc = zoo_aggregates.add, minvfunc = zoo_aggregates.subtract, mstype = integer, msspace = 8, minitcond = '1',
    mfinalfunc = zoo_aggregates.end_extra, mfinalfunc_extra);
CREATE AGGREGATE zoo_aggregates.rows(*) (sfunc = int8inc, stype = bigint, initcond = '0');
CREATE AGGREGATE zoo_aggregates.least_of(integer) (sfunc = int4smaller, stype = integer, sortop = <, parallel = restricted);
CREATE AGGREGATE zoo_aggregates.averages(double precision) (sfunc = float8_accum, stype = double precision[], finalfunc = float8_avg, initcond = '{0,0,0}');
CREATE AGGREGATE zoo_aggregates.serialized(numeric) (sfunc = numeric_avg_accum, stype = internal, finalfunc = numeric_avg,
    combinefunc = numeric_avg_combine, serialfunc = numeric_avg_serialize, deserialfunc = numeric_avg_deserialize, parallel = safe);
CREATE AGGREGATE zoo_aggregates.percentile(double precision ORDER BY double precision) (sfunc = ordered_set_transition, stype = internal,
    finalfunc = percentile_cont_float8_final);
CREATE AGGREGATE zoo_aggregates.hypothetical(VARIADIC "any" ORDER BY VARIADIC "any") (sfunc = ordered_set_transition_multi, stype = internal,
    finalfunc = rank_final, finalfunc_extra, hypothetical);
ALTER AGGREGATE zoo_aggregates.rows(*) OWNER TO zoo_owner;
COMMENT ON AGGREGATE zoo_aggregates.rows(*) IS 'it''s rows';
COMMENT ON AGGREGATE zoo_aggregates.percentile(double precision ORDER BY double precision) IS 'ordered';
GRANT EXECUTE ON FUNCTION zoo_aggregates.moving(integer) TO zoo_reader;
REVOKE EXECUTE ON FUNCTION zoo_aggregates.rows() FROM PUBLIC;
CREATE VIEW zoo_aggregates.uses AS SELECT zoo_aggregates.rows(*) AS n, zoo_aggregates.least_of(a) AS l FROM generate_series(1, 3) a;
--- servers 11 and later
CREATE AGGREGATE zoo_aggregates.modifying(integer) (sfunc = zoo_aggregates.add, stype = integer, finalfunc = zoo_aggregates."end ""x""",
    finalfunc_modify = shareable, msfunc = zoo_aggregates.add, minvfunc = zoo_aggregates.subtract, mstype = integer,
    mfinalfunc = zoo_aggregates."end ""x""", mfinalfunc_modify = read_write);
