DROP FUNCTION record_scaling_decision(
    timestamptz, text, text, text, text, integer, integer, text, text, jsonb
);
DROP VIEW scaling_decisions, scaling_keys, scaling_outbox, scaling_jobs;
DROP TABLE scaling_records;
