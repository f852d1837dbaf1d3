-- What the tests of operations by hand look at, and what the role of whoever does them may not do.

-- name: operations
SELECT actor, login, action, arguments, result FROM operations ORDER BY id;

-- name: balance_and_booked
SELECT balance, (SELECT sum(amount)::bigint FROM ledger WHERE account = 'user:' || tg_user_id)
FROM users WHERE tg_user_id = $1;

-- name: system_sum
SELECT coalesce(sum(amount), 0)::bigint FROM ledger;

-- name: told
SELECT told_at IS NOT NULL FROM jobs WHERE id = $1;

-- name: claimed_long_ago
UPDATE jobs SET claimed_at = claimed_at - make_interval(mins => $2),
    enqueued_at = enqueued_at - make_interval(mins => $2)
WHERE id = $1;

-- name: due_long_ago
UPDATE jobs SET created_at = created_at - interval '1 hour', enqueued_at = now() - interval '1 hour';

-- name: unsent_for_an_hour
UPDATE outbox SET created_at = created_at - interval '1 hour';

-- name: key_event_days_ago
UPDATE provider_key_events SET at = now() - make_interval(days => $2) WHERE fingerprint = $1;

-- name: key_events
SELECT fingerprint FROM provider_key_events ORDER BY id;

-- name: ended_after
-- Done, and at work for so many seconds.
UPDATE jobs SET started_at = finished_at - make_interval(secs => $2) WHERE id = $1;

-- name: ops_changes_the_record
UPDATE operations SET actor = 'somebody else';

-- name: ops_deletes_the_record
DELETE FROM operations;

-- name: ops_writes_the_record
INSERT INTO operations (actor, action, arguments, result) VALUES ('x', 'x', '{}', 'x');

-- name: ops_writes_into_the_ledger
INSERT INTO ledger (account, kind, amount, key) VALUES ('user:7', 'grant', 1000, 'x');

-- name: ops_books_credits
SELECT book_credits(7, 'grant', 1000, 'x');

-- name: ops_sets_a_balance
UPDATE users SET balance = 1000;

-- name: ops_moves_a_job
UPDATE jobs SET status = 'queued';

-- name: ops_deletes_jobs
DELETE FROM jobs;

-- name: ops_reads_captions
SELECT caption FROM jobs;

-- name: ops_reads_scripts
SELECT script FROM jobs;

-- name: ops_reads_photos
SELECT photo_file_id FROM jobs;

-- name: ops_reads_drafts
SELECT * FROM drafts;

-- name: ops_reads_dialogues
SELECT * FROM dialogues;

-- name: ops_heals_a_key_without_a_record
UPDATE provider_keys SET blocked_until = NULL;

-- name: ops_changes_the_history_of_keys
DELETE FROM provider_key_events;

-- name: ops_makes_a_table
CREATE TABLE mine (id integer);

-- name: owner_changes_the_record
UPDATE operations SET actor = 'somebody else';

-- name: owner_deletes_the_record
DELETE FROM operations;

-- name: owner_empties_the_record
TRUNCATE operations;
