-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA "text search";
CREATE TEXT SEARCH PARSER "text search"."pars""er" (
    START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
CREATE TEXT SEARCH PARSER "text search".with_headline (
    START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH TEMPLATE "text search"."Tämplate" (LEXIZE = dsimple_lexize, INIT = dsimple_init);
CREATE TEXT SEARCH TEMPLATE "text search"."all" (LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY "text search".own (TEMPLATE = "text search"."Tämplate");
CREATE TEXT SEARCH DICTIONARY "text search"."dictio'nary
two" (TEMPLATE = pg_catalog.simple, stopwords = 'english', "accept" = 'false');
CREATE TEXT SEARCH DICTIONARY "text search".stemmer (TEMPLATE = snowball, language = english);
CREATE TEXT SEARCH CONFIGURATION "text search".copied (COPY = pg_catalog.english);
CREATE TEXT SEARCH CONFIGURATION "text search"."Of own parser" (PARSER = "text search"."pars""er");
ALTER TEXT SEARCH CONFIGURATION "text search"."Of own parser"
    ADD MAPPING FOR asciiword, word WITH "text search"."dictio'nary
two", "text search".own, pg_catalog.simple;
ALTER TEXT SEARCH CONFIGURATION "text search"."Of own parser" ADD MAPPING FOR int WITH simple;
CREATE TEXT SEARCH CONFIGURATION "text search".empty (PARSER = pg_catalog."default");
ALTER TEXT SEARCH CONFIGURATION "text search".empty OWNER TO zoo_owner;
ALTER TEXT SEARCH DICTIONARY "text search".own OWNER TO "zoo ""Owner"" of 'all'";
COMMENT ON TEXT SEARCH PARSER "text search"."pars""er" IS 'a "parser"';
COMMENT ON TEXT SEARCH TEMPLATE "text search"."Tämplate" IS 'a template';
COMMENT ON TEXT SEARCH DICTIONARY "text search".own IS 'a dictionary';
COMMENT ON TEXT SEARCH CONFIGURATION "text search".empty IS 'a configuration';
