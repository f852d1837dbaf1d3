WITH gone AS (DELETE FROM outbox)
DELETE FROM jobs;
