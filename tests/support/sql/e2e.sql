-- What the scenarios on a real node ask of the database.

-- name: history_is_kept
SELECT to_regclass('observed_operations') IS NOT NULL AS is_kept;

-- name: job_counts
SELECT count(*) AS jobs,
    count(*) FILTER (WHERE status = 'done') AS done,
    count(*) FILTER (WHERE status IN ('done', 'failed', 'cancelled')) AS ended
FROM jobs;

-- name: columns_of_next_version
SELECT count(*) AS columns FROM information_schema.columns
WHERE table_name = 'jobs' AND column_name = 'next_version_note';
