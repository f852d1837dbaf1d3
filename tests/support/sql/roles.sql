-- What a role may not do; the name says which one: bot, worker or operator.

-- name: bot_changes_the_ledger
UPDATE ledger SET amount = 1000;

-- name: bot_deletes_from_the_ledger
DELETE FROM ledger;

-- name: bot_empties_the_ledger
TRUNCATE ledger;

-- name: bot_writes_into_the_ledger
INSERT INTO ledger (account, kind, amount, key) VALUES ('user:7', 'grant', 1000, 'x');

-- name: bot_sets_a_balance
UPDATE users SET balance = 1000;

-- name: bot_makes_a_user
INSERT INTO users (tg_user_id, balance) VALUES (1, 1000);

-- name: bot_books_credits
SELECT book_credits(7, 'grant', 1000, 'x');

-- name: bot_makes_a_job_without_paying
INSERT INTO jobs SELECT * FROM jobs;

-- name: bot_changes_a_price
UPDATE jobs SET price_credits = 1000;

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

-- name: worker_writes_into_the_ledger
INSERT INTO ledger (account, kind, amount, key) VALUES ('user:7', 'grant', 1000, 'x');

-- name: worker_reads_the_ledger
SELECT * FROM ledger;

-- name: worker_sets_a_balance
UPDATE users SET balance = 1000;

-- name: worker_books_credits
SELECT book_credits(7, 'grant', 1000, 'x');

-- name: worker_changes_a_price
UPDATE jobs SET price_credits = 1000;

-- name: worker_gives_a_job_to_somebody_else
UPDATE jobs SET tg_user_id = 1;

-- name: worker_welcomes_a_user
SELECT welcome_user(7, 1, 'ru', 1000);

-- name: worker_accepts_an_order
SELECT create_job_and_consume_credit(
    1, 1, gen_random_uuid(), gen_random_uuid(), 7, 7, 7, 'default', interval '1 hour'
);

-- name: worker_cancels_a_job
SELECT cancel_job(gen_random_uuid(), 7);

-- name: worker_cancels_the_newest_job
SELECT cancel_newest_job(1, 1, 7);

-- name: worker_makes_partitions
SELECT ensure_job_partitions();

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

-- name: operator_fails_a_job
SELECT fail_job(gen_random_uuid(), 1, 'queued', 'UNKNOWN', 'x', 'x');

-- name: bot_gives_a_job_up_like_a_worker
SELECT give_job_up(gen_random_uuid(), 1, 'queued', 'kie', 'UNKNOWN', 'x', 'x');

-- name: operator_makes_partitions
SELECT ensure_job_partitions();

-- name: operator_announces_a_job
INSERT INTO outbox (job_id, pool) VALUES (gen_random_uuid(), 'default');

-- name: operator_reads_the_outbox
SELECT * FROM outbox;

-- name: operator_reads_keys
SELECT * FROM provider_keys;

-- name: operator_forgets_a_decision
DELETE FROM scaling_records;

-- name: operator_invents_a_decision
INSERT INTO scaling_decisions (namespace, name) VALUES ('x', 'x');

-- name: bot_records_a_decision
SELECT record_scaling_decision(now(), 'x', 'x', 'x', 'Auto', 0, 1, 'x', 'x', '{}');

-- name: owner_changes_the_ledger
UPDATE ledger SET amount = 9;

-- name: owner_deletes_from_the_ledger
DELETE FROM ledger;

-- name: owner_empties_the_ledger
TRUNCATE ledger;

-- name: shadow_of_the_jobs
CREATE TEMPORARY TABLE jobs (LIKE public.jobs INCLUDING ALL);

-- name: shadow_of_a_job
INSERT INTO pg_temp.jobs SELECT * FROM public.jobs;

-- name: shadow_of_a_price
UPDATE pg_temp.jobs SET price_credits = 1000;
