-- name: stretch_job
UPDATE jobs SET started_at = finished_at - $2::interval WHERE id = $1;

-- name: age_records
UPDATE scaling_records SET decided_at = decided_at - $1::interval;

-- name: add_keys
INSERT INTO provider_keys (fingerprint, account) VALUES ('a', 'a'), ('b', 'b');

-- name: fill_arrivals
INSERT INTO jobs (
    id, tg_user_id, bot_id, template_id, options, photo_file_id, language, chat_id,
    status_message_id, price_credits, created_at, deadline_at
)
SELECT
    overlay(gen_random_uuid()::text PLACING left(first_job_id(at)::text, 13) FROM 1 FOR 13)::uuid,
    1, 1, 'x', '{}', 'x', 'ru', 1, 1, 1, at, at
FROM generate_series(now() - $1::interval, now(), $2::interval) AS at;

-- name: end_jobs
-- Without the guards of a way through all states: only that it is over is asked here.
UPDATE jobs SET
    previous_status = 'queued', status = 'cancelled', finished_at = now(), lease_until = NULL,
    leased_by = NULL
WHERE status NOT IN ('done', 'failed', 'cancelled');

-- name: end_these
UPDATE jobs SET
    previous_status = 'queued', status = 'cancelled', finished_at = now(), lease_until = NULL,
    leased_by = NULL
WHERE id = ANY ($1::uuid[]);

-- name: newest_decision
SELECT replicas_before, replicas, reason, details FROM scaling_decisions
WHERE namespace = $1 AND name = $2 ORDER BY id DESC LIMIT 1;
