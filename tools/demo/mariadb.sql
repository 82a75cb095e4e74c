-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The same kind of shop for MariaDB: bits, json, zero dates, floats, bytes, odd names, views, a trigger, a routine,
-- an event and a sequence.

SET SESSION sql_mode = '';

CREATE SEQUENCE invoice_numbers START WITH 1000 INCREMENT BY 5;
CREATE TABLE customers (
    id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL,
    latin varchar(100) CHARACTER SET latin1 NOT NULL,
    email varchar(120) NOT NULL UNIQUE,
    address longtext CHECK (json_valid(address)),
    flags bit(9) NOT NULL DEFAULT b'0',
    score float,
    born date NOT NULL DEFAULT '0000-00-00',
    since timestamp(3) NOT NULL,
    photo varbinary(64)
) ENGINE = InnoDB;

CREATE TABLE orders (
    id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    customer_id bigint unsigned NOT NULL,
    placed_at datetime(6) NOT NULL,
    state enum('new', 'paid', 'l''avoir', '') NOT NULL,
    total decimal(14, 4) NOT NULL,
    total_with_tax decimal(16, 4) GENERATED ALWAYS AS (total * 1.19) STORED,
    note text,
    KEY by_customer (customer_id, placed_at),
    CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id)
) ENGINE = InnoDB;

CREATE TABLE `select ``from`` where` (
    `the key; DROP TABLE orders; --` int NOT NULL PRIMARY KEY,
    `Größe` varchar(50) CHARACTER SET utf8mb4,
    place point
) ENGINE = InnoDB;

INSERT INTO customers (name, latin, email, address, flags, score, born, since, photo)
SELECT
    concat(elt(1 + seq % 6, 'Ada', 'Grace', 'Žofie', '慧敏', 'Zoë', '🐬'), ' ', seq), concat('Müller ', seq),
    concat('customer', seq, '@example.org'), json_object('street', concat('Main St ', seq % 997), 'zip', seq),
    seq % 512, 16777217 + seq, if(seq % 10 = 0, '0000-00-00', date_add('1950-01-01', INTERVAL seq % 20000 DAY)),
    date_add('2019-01-01 03:00:00', INTERVAL seq * 97 SECOND), if(seq % 3 = 0, unhex(concat(md5(seq), '00275C0A1A')), NULL)
FROM seq_1_to_20000;

INSERT INTO orders (customer_id, placed_at, state, total, note)
SELECT
    1 + (seq * 7919) % 20000, date_add('2024-01-01', INTERVAL seq * 61 SECOND_MICROSECOND), 1 + seq % 4, seq * 1.2345,
    elt(1 + seq % 6, NULL, '', 'it''s', 'line one\nline two\t\\', 'DELIMITER ;;', '-- no comment')
FROM seq_1_to_200000;

INSERT INTO `select ``from`` where` SELECT seq, repeat('é', seq % 40), point(seq, -seq) FROM seq_1_to_500;

CREATE VIEW big_orders AS SELECT id, customer_id, total FROM orders WHERE total > 200000;
