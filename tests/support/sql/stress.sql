-- name: waits
-- How long each job waited for a worker.
SELECT extract(epoch FROM started_at - created_at)::float8 AS wait_s
FROM jobs WHERE started_at IS NOT NULL;
