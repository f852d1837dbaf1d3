-- What the tests of relay and reaper do to the database behind their backs.

-- name: lock_outbox
SELECT id FROM outbox LIMIT 500 FOR UPDATE SKIP LOCKED;

-- name: lose_leases
UPDATE jobs SET lease_until = now() - interval '1 s', enqueued_at = now() - interval '9 s';

-- name: old_updates
INSERT INTO updates (bot_id, update_id, received_at)
SELECT 1, n, now() - interval '3 days' FROM generate_series(1, 2500) n;

-- name: fresh_update
INSERT INTO updates (bot_id, update_id) VALUES (1, 9999);

-- name: count_updates
SELECT count(*) FROM updates;

-- name: count_partitions
SELECT count(*) FROM pg_inherits WHERE inhparent = 'jobs'::regclass;

-- name: last_partition
SELECT inhrelid::regclass::text FROM pg_inherits
WHERE inhparent = 'jobs'::regclass AND inhrelid::regclass::text ~ '^jobs_2'
ORDER BY 1 DESC LIMIT 1;

-- name: drop_partition
DROP TABLE {partition};
