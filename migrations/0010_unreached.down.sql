ALTER TABLE jobs DROP COLUMN unreached_at;
