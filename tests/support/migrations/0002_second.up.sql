-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_first_id ON first (id);
