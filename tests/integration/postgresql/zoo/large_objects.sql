-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

SELECT lo_from_bytea(4711, convert_to('some text', 'UTF8')), lo_from_bytea(4712, ''), lo_from_bytea(20, '\x00ff'),
    lo_create(4713), lo_create(4714), lo_create(4294967295);
-- Around the sizes in which they are read, with a hole, and one that is big.
SELECT lo_from_bytea(60000 + n, decode(repeat('0a', 65536 + n), 'hex')) FROM generate_series(-1, 1) n;
SELECT lo_from_bytea(70000, decode(repeat('5c00ff0a', 300000), 'hex'));
SELECT lo_put(4713, 3000000, '\x01');
SELECT lo_from_bytea(80000 + n, convert_to(n::text, 'UTF8')) FROM generate_series(1, 150) n;
GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC;
GRANT ALL ON LARGE OBJECT 4712 TO zoo_reader WITH GRANT OPTION;
ALTER LARGE OBJECT 4713 OWNER TO "zoo ""Owner"" of 'all'";
REVOKE ALL ON LARGE OBJECT 4714 FROM CURRENT_USER;
COMMENT ON LARGE OBJECT 20 IS 'it''s a large object with a small number';
COMMENT ON LARGE OBJECT 4712 IS 'an empty one';
