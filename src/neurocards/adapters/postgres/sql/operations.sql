-- What is done by hand. Each function leaves a row in `operations`.

-- name: grant_credits
SELECT outcome, balance FROM grant_credits($1, $2, $3, $4, $5);

-- name: cancel_job_by_hand
SELECT outcome, status FROM cancel_job_by_hand($1, $2);

-- name: retry_job_by_hand
SELECT outcome, job_id FROM retry_job_by_hand($1, $2, $3, $4, make_interval(secs => $5));

-- name: requeue_stuck_jobs
SELECT job_id, status, attempt, worker, claimed_at
FROM requeue_stuck_jobs($1, make_interval(secs => $2), $3);

-- name: republish_due_jobs
SELECT republish_due_jobs($1, $2);

-- name: unblock_provider_keys
SELECT fingerprint, reason, blocked_until, woken FROM unblock_provider_keys($1, $2, $3);

-- name: forget_key_events
SELECT forget_key_events($1, make_interval(secs => $2));

-- name: note_operation
SELECT note_operation($1, $2, $3, $4);

-- name: tidy_up
-- The tables that are ours to tidy up, as commands: VACUUM takes no parameter.
SELECT format('VACUUM (ANALYZE) %I', relname)
FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
    AND CASE
        WHEN current_setting('server_version_num')::integer >= 170000
            THEN has_table_privilege(oid, 'MAINTAIN')
        ELSE pg_has_role(relowner, 'USAGE')
    END
ORDER BY relname;
