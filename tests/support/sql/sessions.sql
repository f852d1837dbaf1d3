-- Sessions of processes that a test ends or does not let in. A role's name cannot be a value of a
-- statement, so it is written in: `:role`.

-- name: end_sessions_of
-- $1 the beginning of the application's name
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE $1 || '%';

-- name: make_role
CREATE ROLE :role LOGIN PASSWORD 'of-a-test' IN ROLE neurocards_worker;

-- name: let_nobody_in
ALTER ROLE :role CONNECTION LIMIT 0;

-- name: let_everybody_in
ALTER ROLE :role CONNECTION LIMIT -1;

-- name: drop_role
DROP ROLE :role;
