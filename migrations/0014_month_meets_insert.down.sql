CREATE OR REPLACE FUNCTION ensure_job_partitions(
    p_months_ahead integer DEFAULT 3, p_now timestamptz DEFAULT now()
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_month timestamp := date_trunc('month', p_now AT TIME ZONE 'UTC');
    v_name text;
    v_from uuid;
    v_to uuid;
    v_made integer := 0;
BEGIN
    IF p_months_ahead NOT BETWEEN 0 AND 12
        OR p_now NOT BETWEEN now() - interval '10 years' AND now() + interval '10 years'
    THEN
        RAISE EXCEPTION 'no partitions are made so far from now: % + % months', p_now, p_months_ahead;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('neurocards.ensure_job_partitions'));
    IF to_regclass('jobs_' || to_char(v_month + make_interval(months => p_months_ahead), 'YYYY_MM'))
        IS NOT NULL
    THEN
        RETURN 0;
    END IF;
    -- Nothing may fall into it between the move and the attachment, which would refuse it.
    LOCK TABLE jobs_default IN ACCESS EXCLUSIVE MODE;
    FOR i IN 0..p_months_ahead LOOP
        v_name := 'jobs_' || to_char(v_month + make_interval(months => i), 'YYYY_MM');
        CONTINUE WHEN to_regclass(v_name) IS NOT NULL;
        v_from := first_job_id((v_month + make_interval(months => i)) AT TIME ZONE 'UTC');
        v_to := first_job_id((v_month + make_interval(months => i + 1)) AT TIME ZONE 'UTC');
        EXECUTE format(
            'CREATE TABLE %I (LIKE jobs INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)'
            ' WITH (fillfactor = 80)', v_name
        );
        EXECUTE format(
            'WITH moved AS (DELETE FROM jobs_default WHERE id >= %L AND id < %L RETURNING *)'
            ' INSERT INTO %I SELECT * FROM moved', v_from, v_to, v_name
        );
        EXECUTE format(
            'ALTER TABLE jobs ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            v_name, v_from, v_to
        );
        v_made := v_made + 1;
    END LOOP;
    RETURN v_made;
END
$$;

-- Replaced with them, a function keeps its owner and who may call it, and nothing else.
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION ensure_job_partitions SECURITY DEFINER SET search_path = %I, pg_temp',
        current_schema()
    );
END
$$;
