-- What a role may not do; the name says which one: bot, worker or operator.

-- name: bot_changes_the_ledger
UPDATE ledger SET amount = 1000;

-- name: bot_deletes_from_the_ledger
DELETE FROM ledger;

-- name: bot_empties_the_ledger
TRUNCATE ledger;

-- name: bot_deletes_jobs
DELETE FROM jobs;

-- name: bot_deletes_users
DELETE FROM users;

-- name: bot_adds_a_template
INSERT INTO templates VALUES ('x', 1, '{}', '{}');

-- name: bot_heals_a_key
UPDATE provider_keys SET blocked_until = NULL;

-- name: bot_changes_a_checksum
UPDATE schema_migrations SET sha256 = '';

-- name: bot_makes_a_table
CREATE TABLE mine (id integer);

-- name: worker_inserts_jobs
INSERT INTO jobs SELECT * FROM jobs;

-- name: worker_deletes_jobs
DELETE FROM jobs;

-- name: worker_changes_the_ledger
UPDATE ledger SET amount = 1000;

-- name: worker_deletes_from_the_ledger
DELETE FROM ledger;

-- name: worker_makes_a_user
INSERT INTO users (tg_user_id) VALUES (1);

-- name: worker_reads_users
SELECT * FROM users;

-- name: worker_changes_a_language
UPDATE users SET language = 'en';

-- name: worker_reads_drafts
SELECT * FROM drafts;

-- name: worker_reads_inbound_buckets
SELECT * FROM inbound_buckets;

-- name: worker_reads_dialogues
SELECT * FROM dialogues;

-- name: worker_reads_the_outbox
SELECT * FROM outbox;

-- name: worker_deletes_messages
DELETE FROM outbox;

-- name: worker_makes_a_table
CREATE TABLE mine (id integer);

-- name: operator_reads_users
SELECT * FROM users;

-- name: operator_reads_jobs
SELECT * FROM jobs;

-- name: operator_announces_a_job
INSERT INTO outbox (job_id, pool) VALUES (gen_random_uuid(), 'default');

-- name: owner_changes_the_ledger
UPDATE ledger SET amount = 9;

-- name: owner_deletes_from_the_ledger
DELETE FROM ledger;

-- name: owner_empties_the_ledger
TRUNCATE ledger;
