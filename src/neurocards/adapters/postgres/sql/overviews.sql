-- What people look at by hand. Nothing of what an order is about: no caption, photo or script.

-- name: queue_by_status
SELECT status, count(*) AS jobs FROM jobs
WHERE created_at >= now() - make_interval(secs => $1)
GROUP BY status ORDER BY status;

-- name: queue_now
SELECT
    count(*) FILTER (WHERE status = 'queued' AND (retry_at IS NULL OR retry_at <= now())) AS waiting,
    count(*) FILTER (WHERE status = 'queued' AND retry_at > now()) AS postponed,
    count(*) FILTER (
        WHERE status = 'queued' AND retry_at > now() AND postponed_reason = ANY ($1::text[])
    ) AS parked,
    count(*) FILTER (WHERE lease_until > now()) AS at_work,
    count(*) FILTER (WHERE status <> 'queued' AND lease_until <= now()) AS between_workers,
    coalesce(EXTRACT(epoch FROM now() - min(created_at) FILTER (
        WHERE status = 'queued' AND (retry_at IS NULL OR retry_at <= now())
    )), 0)::double precision AS oldest_wait_s,
    (SELECT count(*) FROM outbox) AS unsent_messages,
    coalesce((SELECT EXTRACT(epoch FROM now() - min(created_at)) FROM outbox), 0)
        ::double precision AS oldest_message_s
FROM jobs WHERE status NOT IN ('done', 'failed', 'cancelled');

-- name: job_overview
SELECT id, status, previous_status, tg_user_id, bot_id, pool, attempt, tries, lease_losses,
    leased_by, lease_until, claimed_at, retry_at, postponed_reason, template_id, price_credits,
    provider, model, provider_task_id, key_fingerprint, submissions, orphans,
    error_class, error_code, error_text, created_at, deadline_at, started_at, scripted_at,
    submitted_at, rendering_at, rendered_at, fetched_at, delivery_began_at, finished_at,
    told_at, undelivered_at, fallback_sent_at
FROM jobs WHERE id = $1;

-- name: job_bookings
SELECT created_at, kind, amount, key FROM ledger
WHERE job_id = $1 AND account LIKE 'user:%' ORDER BY id;

-- name: failed_jobs
SELECT error_class, error_code, count(*) AS jobs, max(finished_at) AS last_at,
    (array_agg(id ORDER BY finished_at DESC))[1] AS newest
FROM jobs
WHERE status = 'failed' AND finished_at >= now() - make_interval(secs => $1)
GROUP BY error_class, error_code ORDER BY jobs DESC, error_class, error_code;

-- name: key_overview
SELECT k.fingerprint, k.account,
    CASE
        WHEN k.blocked_until > now() THEN 'blocked'
        WHEN taken.count >= $2 THEN 'window full'
        ELSE 'healthy'
    END AS state,
    CASE WHEN k.blocked_until > now() THEN k.reason END AS reason,
    CASE WHEN k.blocked_until > now() THEN k.blocked_until END AS blocked_until,
    taken.count AS in_window, k.taken_count AS taken, k.failure_count AS failures,
    k.last_taken_at, k.last_failure_at, k.registered_at
FROM provider_keys k JOIN provider_accounts a USING (account)
CROSS JOIN LATERAL (
    SELECT count(*) FROM unnest(a.takes) t WHERE t > now() - make_interval(secs => $1)
) AS taken
ORDER BY k.account, k.fingerprint;

-- name: key_events
SELECT at, fingerprint, event, account, reason, blocked_until FROM provider_key_events
ORDER BY id DESC LIMIT $1;

-- name: user_overview
SELECT tg_user_id, language, balance,
    (SELECT coalesce(sum(amount), 0)::bigint FROM ledger WHERE account = 'user:' || $1::bigint)
        AS booked,
    blocked_at, created_at
FROM users WHERE tg_user_id = $1;

-- name: user_bookings
SELECT created_at, kind, amount, key FROM ledger WHERE account = 'user:' || $1::bigint
ORDER BY id DESC LIMIT $2;

-- name: user_jobs
SELECT id, status, price_credits, error_class, error_code, created_at, finished_at FROM jobs
WHERE tg_user_id = $1 ORDER BY id DESC LIMIT $2;

-- name: worker_leases
SELECT leased_by AS worker, count(*) AS jobs,
    count(*) FILTER (WHERE status IN ('rendering')) AS rendering,
    count(*) FILTER (WHERE lease_until <= now()) AS lease_ended,
    min(claimed_at) AS longest_since, min(lease_until) AS lease_until
FROM jobs
WHERE leased_by IS NOT NULL AND status NOT IN ('queued', 'done', 'failed', 'cancelled')
GROUP BY leased_by ORDER BY leased_by;

-- name: database_facts
-- The connections are those of everybody: pg_stat_activity hides from a role whose others are.
SELECT current_setting('server_version') AS server_version,
    pg_database_size(current_database()) AS size_bytes,
    (SELECT sum(numbackends)::bigint FROM pg_stat_database) AS connections,
    current_setting('max_connections')::integer AS connections_max,
    (SELECT coalesce(max(version), 0) FROM schema_migrations) AS schema_version,
    now() AS server_time,
    current_user AS login,
    pg_is_in_recovery() AS read_only,
    to_regclass('jobs_' || to_char((now() + interval '1 month') AT TIME ZONE 'UTC', 'YYYY_MM'))
        IS NOT NULL AS has_next_month,
    (SELECT count(*) FROM (SELECT id FROM jobs_default LIMIT 1000) AS strays)
        AS default_partition_jobs;

-- name: table_sizes
SELECT c.relname AS name, pg_total_relation_size(c.oid) AS size_bytes,
    greatest(c.reltuples, 0)::bigint AS rows_estimated, s.n_dead_tup AS dead_rows,
    greatest(s.last_vacuum, s.last_autovacuum) AS last_vacuum
FROM pg_class c JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
ORDER BY size_bytes DESC, name LIMIT $1;

-- name: recent_operations
SELECT at, actor, login, action, arguments, result FROM operations ORDER BY id DESC LIMIT $1;

-- name: recent_work
-- How long a job takes from its first claim to its end, and how many there were.
SELECT count(*) AS accepted,
    count(*) FILTER (WHERE status = 'done') AS delivered,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
    coalesce(EXTRACT(epoch FROM avg(finished_at - started_at) FILTER (WHERE status = 'done')), 0)
        ::double precision AS job_s_mean,
    coalesce(EXTRACT(epoch FROM percentile_cont(0.95) WITHIN GROUP (
        ORDER BY finished_at - started_at
    ) FILTER (WHERE status = 'done')), 0)::double precision AS job_s_p95,
    coalesce(EXTRACT(epoch FROM sum(finished_at - started_at) FILTER (WHERE status = 'done')), 0)
        ::double precision AS work_s
FROM jobs WHERE created_at >= now() - make_interval(secs => $1);

-- name: busiest_hours
-- Orders by hour: what the number of workers has to be measured against.
SELECT date_trunc('hour', created_at) AS hour, count(*) AS accepted FROM jobs
WHERE created_at >= now() - make_interval(secs => $1)
GROUP BY hour ORDER BY accepted DESC, hour DESC LIMIT $2;

-- name: crew
-- Workers of a pool that hold jobs, and how many the operator decided on last.
SELECT
    (
        SELECT count(DISTINCT leased_by) FROM jobs
        WHERE pool = $1 AND lease_until > now() AND status NOT IN ('done', 'failed', 'cancelled')
    ) AS holding,
    decision.replicas AS decided,
    EXTRACT(epoch FROM now() - decision.decided_at)::double precision AS decided_ago_s
FROM (SELECT) AS always LEFT JOIN LATERAL (
    SELECT replicas, decided_at FROM scaling_decisions
    WHERE pool = $1 AND mode <> 'Observe' ORDER BY id DESC LIMIT 1
) AS decision ON true;

-- name: credit_faults
-- What no program can bring about: how many balances, bookings and orders do not add up.
SELECT
    (
        SELECT count(*) FROM users u
        LEFT JOIN (SELECT account, sum(amount) AS total FROM ledger GROUP BY account) l
            ON l.account = 'user:' || u.tg_user_id
        WHERE u.balance <> coalesce(l.total, 0)
    ) AS wrong_balances,
    (
        SELECT count(*) FROM (SELECT key FROM ledger GROUP BY key HAVING sum(amount) <> 0) AS uneven
    ) AS uneven_bookings,
    (
        SELECT count(*) FROM jobs j
        WHERE j.status IN ('failed', 'cancelled') AND NOT EXISTS (
            SELECT FROM ledger l
            WHERE l.key = 'refund:' || j.id AND l.account = 'user:' || j.tg_user_id
                AND l.amount = j.price_credits
        )
    ) AS not_refunded,
    (
        SELECT count(*) FROM jobs j
        WHERE j.status NOT IN ('failed', 'cancelled') AND EXISTS (
            SELECT FROM ledger l
            WHERE l.key = 'refund:' || j.id AND l.account = 'user:' || j.tg_user_id
        )
    ) AS refunded_and_going_on;

-- name: scaling_use
-- What the operator decided, by policy. A number counts for as long as it held.
-- Where a policy began within the period, so does what is counted.
WITH spans AS (
    SELECT namespace, name, pool, decided_at, replicas_before, replicas,
        greatest(decided_at, now() - make_interval(secs => $1)) AS begins,
        lead(decided_at, 1, now()) OVER (PARTITION BY namespace, name, pool ORDER BY id) AS ends,
        (
            SELECT max((c ->> 'replicas')::integer)
            FROM jsonb_array_elements(details -> 'contributions') AS c
            WHERE c ->> 'source' IN ('Base', 'Window')
        ) AS base,
        (
            SELECT min((c ->> 'replicas')::integer)
            FROM jsonb_array_elements(details -> 'contributions') AS c
            WHERE c ->> 'source' IN ('ReplicasMax', 'WindowMax')
        ) AS most
    FROM scaling_decisions WHERE mode <> 'Observe'
), held AS (
    SELECT *, EXTRACT(epoch FROM ends - begins)::double precision AS held_s
    FROM spans WHERE ends > begins
), work AS (
    SELECT pool, EXTRACT(epoch FROM sum(finished_at - started_at))::double precision AS work_s
    FROM jobs WHERE status = 'done' AND created_at >= now() - make_interval(secs => $1)
    GROUP BY pool
)
SELECT h.namespace || '/' || h.name AS policy, h.pool,
    count(*) FILTER (WHERE decided_at >= now() - make_interval(secs => $1)) AS decisions,
    count(*) FILTER (
        WHERE decided_at >= now() - make_interval(secs => $1) AND replicas > replicas_before
    ) AS up,
    count(*) FILTER (
        WHERE decided_at >= now() - make_interval(secs => $1) AND replicas < replicas_before
    ) AS down,
    max(replicas) AS replicas_most,
    round((sum(replicas * held_s) / sum(held_s))::numeric, 1)::double precision AS replicas_mean,
    round((100 * coalesce(sum(held_s) FILTER (WHERE replicas = base), 0) / sum(held_s))::numeric)
        ::integer AS percent_at_base,
    round((100 * coalesce(sum(held_s) FILTER (WHERE replicas >= most), 0) / sum(held_s))::numeric)
        ::integer AS percent_at_most,
    round(coalesce(max(w.work_s), 0)::numeric / $1::numeric, 2)::double precision
        AS jobs_at_once_mean,
    sum(held_s) AS seen_s
FROM held h LEFT JOIN work w USING (pool)
GROUP BY h.namespace, h.name, h.pool ORDER BY h.pool, policy;
