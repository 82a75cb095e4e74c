-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

-- A small shop with what makes dumps fail in real life: identities, generated columns, arrays, json, odd names, views
-- on functions, and rows that look like commands.

CREATE TYPE payment AS ENUM ('card', 'transfer', 'cash on delivery', 'l''avoir');
CREATE DOMAIN email AS text CHECK (VALUE ~ '^[^@]+@[^@]+$');

CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    email email UNIQUE,
    address jsonb NOT NULL DEFAULT '{}',
    tags text[] NOT NULL DEFAULT '{}',
    balance numeric(14, 4) NOT NULL DEFAULT 0,
    vip boolean NOT NULL DEFAULT false,
    since timestamptz NOT NULL,
    photo bytea
);

CREATE TABLE products (
    sku varchar(20) PRIMARY KEY,
    title text NOT NULL,
    price numeric(10, 2) NOT NULL CHECK (price >= 0),
    price_with_tax numeric(12, 2) GENERATED ALWAYS AS (price * 1.19) STORED,
    weight real,
    dimensions double precision[] CHECK (array_length(dimensions, 1) = 3)
);

CREATE TABLE orders (
    id bigserial PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers (id),
    placed_at timestamp(3) with time zone NOT NULL,
    paid_by payment,
    note text
);
CREATE INDEX orders_by_customer ON orders (customer_id, placed_at DESC);
CREATE INDEX orders_with_note ON orders (lower(note)) WHERE note IS NOT NULL;

CREATE TABLE order_lines (
    order_id bigint NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    line smallint NOT NULL,
    sku varchar(20) NOT NULL REFERENCES products (sku),
    quantity integer NOT NULL CHECK (quantity > 0),
    price numeric(10, 2) NOT NULL,
    PRIMARY KEY (order_id, line)
);

CREATE SCHEMA "Année 2026";
CREATE TABLE "Année 2026"."select ""from"" where" (
    "the key; DROP TABLE orders; --" integer PRIMARY KEY,
    "Größe" text COLLATE "C",
    "a
newline" text
);

CREATE FUNCTION order_total(wanted bigint) RETURNS numeric
    LANGUAGE sql STABLE
    AS $$ SELECT coalesce(sum(quantity * price), 0) FROM order_lines WHERE order_id = wanted $$;

CREATE VIEW big_orders AS
    SELECT id, customer_id, order_total(id) AS total FROM orders WHERE order_total(id) > 5000;

INSERT INTO customers (name, email, address, tags, balance, vip, since, photo)
SELECT
    (ARRAY['Ada', 'Grace', 'Žofie', 'Łukasz', '慧敏', 'Ólafur', 'Zoë', 'نور'])[1 + n % 8] || ' ' || n,
    'customer' || n || '@example.org',
    jsonb_build_object('street', 'Main St ' || n % 997, 'zip', lpad((n % 99999)::text, 5, '0'), 'geo', jsonb_build_array(n * 0.001, -n * 0.002)),
    CASE n % 3 WHEN 0 THEN '{}'::text[] WHEN 1 THEN ARRAY['new'] ELSE ARRAY['a,b', 'quote"d', E'back\\slash'] END,
    (n % 20000) * 1.2345 - 5000,
    n % 50 = 0,
    timestamptz '2019-01-01 00:00+00' + n * interval '97 minutes',
    CASE WHEN n % 4 = 0 THEN decode(md5(n::text) || '00275cff', 'hex') END
FROM generate_series(1, 20000) AS n;

INSERT INTO products (sku, title, price, weight, dimensions)
SELECT 'SKU-' || n, 'Product number ' || n || E'\twith a tab', (n % 900) + 0.99, n / 7.0, ARRAY[n, n / 3.0, 1e-7 * n]
FROM generate_series(1, 2000) AS n;

INSERT INTO orders (customer_id, placed_at, paid_by, note)
SELECT
    1 + (n * 7919) % 20000,
    timestamptz '2024-01-01 00:00+00' + n * interval '3 minutes',
    (enum_range(NULL::payment))[1 + n % 4],
    CASE n % 20 WHEN 0 THEN E'\\.' WHEN 1 THEN E'line one\nline two\r\n\ttab' WHEN 2 THEN '' WHEN 3 THEN '\N' END
FROM generate_series(1, 120000) AS n;

INSERT INTO order_lines (order_id, line, sku, quantity, price)
SELECT o, l, 'SKU-' || 1 + (o * 31 + l * 17) % 2000, 1 + (o + l) % 9, ((o * l) % 90000) / 100.0
FROM generate_series(1, 120000) AS o, generate_series(1, 2) AS l;

INSERT INTO "Année 2026"."select ""from"" where"
SELECT n, repeat('é', n % 50), CASE WHEN n % 2 = 0 THEN E'x\ny' END FROM generate_series(1, 500) AS n;
