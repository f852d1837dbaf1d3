-- name: insert_job
INSERT INTO jobs (
    id, tg_user_id, bot_id, template_id, options, photo_file_id, language, chat_id,
    status_message_id, price_credits, deadline_at
) VALUES ($1, 7, 1, 'first', '{}', 'photo', 'ru', 7, 1, 1, now() + interval '3 hours');

-- name: partitions
SELECT inhrelid::regclass::text AS name FROM pg_inherits
WHERE inhparent = 'jobs'::regclass ORDER BY name;

-- name: partition_of
SELECT tableoid::regclass::text FROM jobs WHERE id = $1;

-- name: rows_by_partition
SELECT tableoid::regclass::text AS name, count(*) AS rows FROM jobs GROUP BY name;

-- name: next_month
SELECT now() + interval '1 month';

-- name: ensure
SELECT ensure_job_partitions($1, $2);

-- name: job
SELECT * FROM jobs WHERE id = $1;

-- name: claim
UPDATE jobs SET status = 'scripting', attempt = 1 WHERE id = $1;

-- name: lower_attempt
UPDATE jobs SET attempt = 0 WHERE id = $1;

-- name: explain_job
EXPLAIN SELECT * FROM jobs WHERE id = $1;

-- name: first_id
SELECT first_job_id($1);

-- name: waiting
SELECT count(*) FROM pg_locks WHERE NOT granted;
