-- What is looked at and never decided upon.

-- name: queue_stats
SELECT
    count(*) FILTER (WHERE status = 'queued') AS queued,
    count(*) FILTER (WHERE status <> 'queued' AND lease_until > now()) AS processing,
    coalesce(EXTRACT(epoch FROM avg(now() - created_at) FILTER (WHERE status = 'queued')), 0)
        ::double precision AS wait_s_mean
FROM jobs
WHERE status NOT IN ('done', 'failed', 'cancelled');

-- name: job_timeline
SELECT * FROM jobs WHERE id = $1;

-- name: schema_version
SELECT max(version) FROM schema_migrations;

-- name: key_health
SELECT count(*) AS keys, count(*) FILTER (WHERE blocked_until > now()) AS blocked
FROM provider_keys;
