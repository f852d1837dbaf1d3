-- name: relations
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i') AND relname !~ 'pkey';

-- name: forget_first
DELETE FROM schema_migrations WHERE version = 1;

-- name: invent_zeroth
INSERT INTO schema_migrations (version, name, sha256) VALUES (0, 'zeroth', '');

-- name: hold_first
SELECT * FROM first;
