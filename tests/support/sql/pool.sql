-- name: end_connections
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name = 'pool-test' AND datname = current_database();

-- name: connections
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'pool-test' AND datname = current_database();
