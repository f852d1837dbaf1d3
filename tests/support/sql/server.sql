-- What shows that a server is there and keeps what it was given.

-- name: one
SELECT 1;

-- name: sleep
SELECT pg_sleep(60);

-- name: echo
SELECT $1::jsonb;

-- name: application_name
SHOW application_name;

-- name: statement_timeout
SHOW statement_timeout;

-- name: wrong
SELEC 1;

-- name: keep
CREATE TABLE kept AS SELECT 7 AS number;

-- name: kept
SELECT number FROM kept;

-- name: somebody_waits_for_a_lock
SELECT count(*) > 0 FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock';
