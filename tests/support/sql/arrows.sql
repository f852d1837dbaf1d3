-- name: constraint
SELECT pg_get_constraintdef(oid) FROM pg_constraint
WHERE conname = 'jobs_arrow_legal' AND conrelid = 'jobs'::regclass;

-- name: force_status
UPDATE jobs SET status = $2, lease_until = NULL, leased_by = NULL,
    finished_at = CASE WHEN $3 THEN now() END
WHERE id = $1;

-- name: lower_attempt
UPDATE jobs SET attempt = 0 WHERE id = $1;

-- name: reopen
UPDATE jobs SET status = 'queued', finished_at = NULL WHERE id = $1;
