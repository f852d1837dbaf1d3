-- What is looked at and never decided upon.

-- name: queue_stats
-- `workers_decided`: as the operator has decided last, for all that it scales, NULL = nothing lately.
-- A row is kept of each change, so an old one is no longer believed: another hand may have set the
-- number since, and a fleet that rests for days stands at the number of the settings. One that is
-- only observed keeps the number that it had.
SELECT
    count(*) FILTER (WHERE status = 'queued') AS queued,
    count(*) FILTER (WHERE status <> 'queued' AND lease_until > now()) AS processing,
    coalesce(EXTRACT(epoch FROM avg(now() - created_at) FILTER (WHERE status = 'queued')), 0)
        ::double precision AS wait_s_mean,
    (
        SELECT sum(CASE mode WHEN 'Auto' THEN replicas ELSE replicas_before END)::integer
        FROM (
            SELECT DISTINCT ON (namespace, name) mode, replicas, replicas_before
            FROM scaling_decisions WHERE decided_at > now() - interval '3 days'
            ORDER BY namespace, name, id DESC
        ) AS newest
    ) AS workers_decided
FROM jobs
WHERE status NOT IN ('done', 'failed', 'cancelled');

-- name: job_timeline
SELECT * FROM jobs WHERE id = $1;

-- name: schema_version
SELECT max(version) FROM schema_migrations;

-- name: key_health
SELECT count(*) AS keys, count(*) FILTER (WHERE blocked_until > now()) AS blocked
FROM provider_keys;
