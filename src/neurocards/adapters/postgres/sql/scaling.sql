-- What the operator reads and keeps. It sees the views of scaling only.

-- name: pool_signals
-- $2: arrivals and starts are counted from there, NULL = not, and $3: the seconds a job may wait.
-- The moment is cut to milliseconds, which is how decisions remember it: each job is counted once.
-- Ids carry the clock of the process that made them, which may be minutes off.
WITH moment AS (
    SELECT date_trunc('milliseconds', now()) AS at
), active AS (
    SELECT
        count(*) FILTER (WHERE due_at <= now()) AS queued,
        count(*) FILTER (WHERE lease_until > now()) AS running,
        EXTRACT(epoch FROM avg(now() - due_at) FILTER (WHERE due_at <= now())) AS mean_wait_s,
        EXTRACT(epoch FROM max(now() - due_at) FILTER (WHERE due_at <= now())) AS oldest_wait_s,
        count(*) FILTER (WHERE started_at >= $2 AND started_at < at) AS started,
        count(*) FILTER (
            WHERE started_at >= $2 AND started_at < at
                AND started_at - created_at > make_interval(secs => $3)
        ) AS late
    FROM moment, LATERAL (
        SELECT created_at, started_at, lease_until,
            coalesce(lease_until, retry_at, created_at) AS due_at
        FROM scaling_jobs WHERE pool = $1 AND status NOT IN ('done', 'failed', 'cancelled')
    ) AS unfinished
), recent AS (
    SELECT
        count(*) FILTER (WHERE created_at >= $2 AND created_at < at) AS arrived,
        count(*) FILTER (WHERE has_ended AND started_at >= $2 AND started_at < at) AS started,
        count(*) FILTER (
            WHERE has_ended AND started_at >= $2 AND started_at < at
                AND started_at - created_at > make_interval(secs => $3)
        ) AS late
    FROM moment, LATERAL (
        SELECT created_at, started_at, status IN ('done', 'failed', 'cancelled') AS has_ended
        FROM scaling_jobs
        WHERE pool = $1 AND id >= first_job_id($2::timestamptz - interval '5 minutes')
    ) AS newest
)
SELECT
    at, queued, running,
    coalesce(mean_wait_s, 0)::double precision AS mean_wait_s,
    coalesce(oldest_wait_s, 0)::double precision AS oldest_wait_s,
    arrived, active.started + recent.started AS started, active.late + recent.late AS late,
    (SELECT count(*) FROM scaling_outbox WHERE pool = $1) AS unsent
FROM moment, active, recent;

-- name: service_times
-- The mean of the last $1 jobs of each pool that went through without a retry or a rest.
SELECT pool, avg(slot_s)::double precision AS service_s
FROM (
    SELECT pool, EXTRACT(epoch FROM finished_at - started_at) AS slot_s,
        row_number() OVER (PARTITION BY pool ORDER BY created_at DESC) AS place
    FROM scaling_jobs
    WHERE status = 'done' AND created_at >= now() - make_interval(secs => $2)
        AND started_at IS NOT NULL AND tries = 0 AND parked_notice_at IS NULL
) AS ended
WHERE place <= $1 GROUP BY pool;

-- name: provider_accounts
SELECT
    count(DISTINCT account) AS known,
    count(DISTINCT account) FILTER (WHERE blocked_until IS NULL OR blocked_until <= now())
        AS healthy
FROM scaling_keys;

-- name: arrival_counts
-- Arrivals of every pool by the number of their bucket, counted from 1970, in complete buckets.
SELECT pool, floor(EXTRACT(epoch FROM created_at) / $3)::bigint AS bucket, count(*) AS jobs
FROM scaling_jobs
WHERE id >= first_job_id(to_timestamp($1::double precision) - interval '5 minutes')
    AND created_at >= to_timestamp($1::double precision)
    AND created_at < to_timestamp($2::double precision)
GROUP BY pool, bucket;

-- name: jobs_by_worker
SELECT leased_by AS worker, count(*) AS jobs
FROM scaling_jobs
WHERE pool = $1 AND status NOT IN ('done', 'failed', 'cancelled') AND lease_until > now()
    AND leased_by IS NOT NULL
GROUP BY leased_by;

-- name: record_decision
SELECT record_scaling_decision($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: decisions_of
SELECT id, decided_at, namespace, name, pool, mode, replicas_before, replicas, reason, message,
    details
FROM scaling_decisions
WHERE namespace = $1 AND name = $2
ORDER BY id DESC LIMIT $3;
