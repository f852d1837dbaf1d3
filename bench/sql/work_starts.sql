-- $1 first user, $2 users
-- The server's own clock for all three moments. The ledger's row is written by the transaction
-- that accepts the order and never again, so its commit is the commit of the order.
SELECT
    jobs.id,
    jobs.attempt,
    jobs.created_at,
    pg_xact_commit_timestamp(ledger.xmin) AS committed_at,
    jobs.started_at,
    jobs.finished_at
FROM jobs
JOIN ledger
    ON ledger.job_id = jobs.id AND ledger.kind = 'charge' AND ledger.account = 'system'
WHERE jobs.tg_user_id >= $1::bigint AND jobs.tg_user_id < $1::bigint + $2::integer
ORDER BY jobs.id;
