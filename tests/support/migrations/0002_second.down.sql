DROP INDEX idx_first_id;
