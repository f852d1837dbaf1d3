-- What the operator may see of the orders: when something happened to them, and nothing of what they
-- hold or whose they are. It decides about workers and touches no job.
CREATE VIEW scaling_jobs AS
SELECT id, pool, status, lease_until, leased_by, retry_at, created_at, started_at, finished_at,
    tries, parked_notice_at
FROM jobs;

CREATE VIEW scaling_outbox AS SELECT pool, created_at FROM outbox;

CREATE VIEW scaling_keys AS SELECT account, blocked_until FROM provider_keys;

CREATE TABLE scaling_records (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    decided_at timestamptz NOT NULL DEFAULT now(),
    namespace text NOT NULL,
    name text NOT NULL,
    pool text NOT NULL,
    mode text NOT NULL,
    replicas_before integer NOT NULL CHECK (replicas_before >= 0),
    replicas integer NOT NULL CHECK (replicas >= 0),
    reason text NOT NULL,
    message text NOT NULL,
    details jsonb NOT NULL
);
COMMENT ON TABLE scaling_records IS 'each decision that changed a number of replicas, for 30 days';
COMMENT ON COLUMN scaling_records.details IS 'the signals and every wish and limit, as in the status of the object';
CREATE INDEX idx_scaling_records_name ON scaling_records (namespace, name, id DESC);
CREATE INDEX idx_scaling_records_decided_at ON scaling_records (decided_at);

CREATE VIEW scaling_decisions AS SELECT * FROM scaling_records;

-- Keep a decision, and forget some of those that are older than 30 days: more than one is forgotten
-- for each that is kept, so the table never grows for longer than that.
CREATE FUNCTION record_scaling_decision(
    p_decided_at timestamptz, p_namespace text, p_name text, p_pool text, p_mode text,
    p_replicas_before integer, p_replicas integer, p_reason text, p_message text, p_details jsonb
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_id bigint;
BEGIN
    IF pg_column_size(p_details) > 65536 THEN
        RAISE EXCEPTION 'the details of a decision are limited to 64 KiB';
    END IF;
    DELETE FROM scaling_records WHERE id IN (
        SELECT id FROM scaling_records WHERE decided_at < now() - interval '30 days'
        ORDER BY decided_at LIMIT 100 FOR UPDATE SKIP LOCKED
    );
    INSERT INTO scaling_records (
        decided_at, namespace, name, pool, mode, replicas_before, replicas, reason, message, details
    ) VALUES (
        p_decided_at, left(p_namespace, 253), left(p_name, 253), left(p_pool, 63), left(p_mode, 63),
        p_replicas_before, p_replicas, left(p_reason, 63), left(p_message, 2000), p_details
    ) RETURNING id INTO v_id;
    RETURN v_id;
END
$$;

DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION record_scaling_decision SECURITY DEFINER SET search_path = %I, pg_temp',
        current_schema()
    );
    REVOKE EXECUTE ON FUNCTION record_scaling_decision FROM PUBLIC;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_operator') THEN
        GRANT SELECT ON scaling_jobs, scaling_outbox, scaling_keys, scaling_decisions
            TO neurocards_operator;
        GRANT EXECUTE ON FUNCTION record_scaling_decision TO neurocards_operator;
        IF to_regclass('schema_migrations') IS NOT NULL THEN
            GRANT SELECT ON schema_migrations TO neurocards_operator;
        END IF;
    END IF;
END
$$;
