-- How a world on PostgreSQL lets time pass, and what no port tells. Each moment moves by $1.

-- name: move_jobs
UPDATE jobs SET
    created_at = created_at - $1::interval, deadline_at = deadline_at - $1::interval,
    enqueued_at = enqueued_at - $1::interval, lease_until = lease_until - $1::interval,
    retry_at = retry_at - $1::interval, submitted_at = submitted_at - $1::interval,
    finished_at = finished_at - $1::interval, undelivered_at = undelivered_at - $1::interval,
    unreached_at = unreached_at - $1::interval;

-- name: move_updates
UPDATE updates SET received_at = received_at - $1::interval;

-- name: move_drafts
UPDATE drafts SET created_at = created_at - $1::interval, updated_at = updated_at - $1::interval;

-- name: move_dialogues
UPDATE dialogues SET updated_at = updated_at - $1::interval;

-- name: move_buckets
UPDATE inbound_buckets SET full_at = full_at - $1::interval;

-- name: move_outbound
UPDATE outbound_buckets SET
    full_at = full_at - $1::interval, paused_until = paused_until - $1::interval;

-- name: move_keys
UPDATE provider_keys SET blocked_until = blocked_until - $1::interval;

-- name: move_windows
UPDATE provider_accounts SET takes = array(SELECT t - $1::interval FROM unnest(takes) AS t);

-- name: ledger
SELECT account, amount, key FROM ledger ORDER BY id;

-- name: stored_job
SELECT status, attempt, tries, orphans, error_class, error_text, told_at IS NOT NULL FROM jobs
WHERE id = $1;

-- name: spoil_order
UPDATE jobs SET options = '{"aspect_ratio": "round"}' WHERE id = $1;

-- name: forget_templates
DELETE FROM templates;

-- name: add_template
INSERT INTO templates (id, position, names, prompts) VALUES ($1, $2, $3, $4);

-- name: templates
SELECT * FROM templates ORDER BY position;

-- name: add_user
INSERT INTO users (tg_user_id) VALUES ($1);

-- name: count_users
SELECT count(*) FROM users;

-- name: count_jobs
SELECT count(*) FROM jobs;
