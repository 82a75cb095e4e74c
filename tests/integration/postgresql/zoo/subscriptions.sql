-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SUBSCRIPTION "sub ""scr'
iption" CONNECTION 'host=localhost dbname=''no such'' password=se''cret' PUBLICATION one, "Two ""2""", "user"
    WITH (connect = false, slot_name = 'a_slot_1');
CREATE SUBSCRIPTION no_slot CONNECTION '' PUBLICATION p WITH (connect = false, slot_name = NONE, synchronous_commit = local);
CREATE SUBSCRIPTION "table" CONNECTION 'dbname=x' PUBLICATION p
    WITH (connect = false, slot_name = 'other_slot', enabled = false, create_slot = false, synchronous_commit = 'on');
ALTER SUBSCRIPTION "table" OWNER TO CURRENT_USER;
COMMENT ON SUBSCRIPTION "sub ""scr'
iption" IS 'it''s a subscription';
COMMENT ON SUBSCRIPTION no_slot IS 'another';
--- servers 14 and later
CREATE SUBSCRIPTION binary_stream CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false, binary, streaming);
CREATE SUBSCRIPTION no_stream CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false, streaming = off);
--- servers 15 and later
CREATE SUBSCRIPTION two_phased CONNECTION 'dbname=x' PUBLICATION p
    WITH (connect = false, two_phase, disable_on_error);
--- servers 16 and later
CREATE SUBSCRIPTION parallel CONNECTION 'dbname=x' PUBLICATION p
    WITH (connect = false, streaming = parallel, origin = none, password_required = false, run_as_owner = true);
CREATE SUBSCRIPTION "Own Origin" CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false, origin = 'any', slot_name = NONE);
--- servers 17 and later
CREATE SUBSCRIPTION over CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false, failover = true);
ALTER SUBSCRIPTION over ENABLE;
ALTER SUBSCRIPTION over DISABLE;
CREATE SUBSCRIPTION everything CONNECTION 'dbname=x' PUBLICATION p
    WITH (connect = false, binary, streaming = off, origin = none, password_required = false, run_as_owner = true,
          failover = true, synchronous_commit = remote_apply, disable_on_error, two_phase);
