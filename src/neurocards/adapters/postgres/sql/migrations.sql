-- What the migration runner does to its own table.

-- name: try_to_lock_migrations
-- Tried again and again, not waited for: a session that waits inside a statement would hold up
-- CREATE INDEX CONCURRENTLY of the session that it waits for.
SELECT pg_try_advisory_lock(hashtextextended('neurocards.migrations', 0));

-- name: unlock_migrations
SELECT pg_advisory_unlock(hashtextextended('neurocards.migrations', 0));

-- name: limit_lock_waits
SELECT set_config('lock_timeout', $1, false);

-- name: create_migrations_table
CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: has_migrations_table
SELECT to_regclass('schema_migrations') IS NOT NULL;

-- name: applied_migrations
SELECT version, name, sha256, applied_at FROM schema_migrations ORDER BY version;

-- name: record_migration
INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3);

-- name: forget_migration
DELETE FROM schema_migrations WHERE version = $1;

-- name: has_partitions_function
SELECT to_regproc('ensure_job_partitions') IS NOT NULL;
