-- The record of what was done by hand is lost. The role stays: other databases may use it.
DROP FUNCTION forget_key_events(text, interval);
DROP FUNCTION unblock_provider_keys(text, text[], text[]);
DROP FUNCTION republish_due_jobs(text, integer);
DROP FUNCTION requeue_stuck_jobs(text, interval, integer);
DROP FUNCTION retry_job_by_hand(text, uuid, uuid, boolean, interval);
DROP FUNCTION cancel_job_by_hand(text, uuid);
DROP FUNCTION grant_credits(text, text, bigint, bigint, text);
DROP FUNCTION note_operation(text, text, jsonb, text);
DROP TABLE operations;
DROP FUNCTION refuse_operations_change();
DROP TRIGGER jobs_note_claim ON jobs;
DROP FUNCTION note_claim();
ALTER TABLE jobs DROP COLUMN claimed_at;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_ops') THEN
        EXECUTE format(
            'REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM neurocards_ops', current_schema()
        );
        REVOKE ALL ON FUNCTION ensure_job_partitions FROM neurocards_ops;
    END IF;
END
$$;
