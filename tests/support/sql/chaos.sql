-- What a chaos run does to the database, and asks of it.

-- name: end_all_sessions
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid();

-- name: ordered_users
SELECT DISTINCT tg_user_id FROM jobs;

-- name: progress
SELECT count(*) AS jobs,
    count(*) FILTER (WHERE status IN ('done', 'failed', 'cancelled')) AS ended
FROM jobs;

-- name: failure_classes
SELECT error_class || ' ' || coalesce(error_code, '') AS what, count(*) AS jobs
FROM jobs WHERE status = 'failed' GROUP BY 1 ORDER BY 2 DESC, 1;

-- name: keys
SELECT fingerprint, CASE WHEN blocked_until > now() THEN reason ELSE 'healthy' END AS state
FROM provider_keys ORDER BY fingerprint;
