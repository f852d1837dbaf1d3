-- Keys that share an account share its window and its credits; what happens to a key is remembered;
-- a key that becomes usable wakes the jobs that wait for one.

ALTER TABLE provider_keys ADD COLUMN registered_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN provider_keys.registered_at IS 'when a worker that holds this key started last';

CREATE TABLE provider_key_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint text NOT NULL,
    event text NOT NULL CHECK (event IN ('added', 'moved', 'blocked', 'unblocked', 'recovered')),
    account text NOT NULL,
    reason text,
    blocked_until timestamptz,
    at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE provider_key_events IS 'the history of the provider keys, by fingerprint';
CREATE INDEX idx_provider_key_events_at ON provider_key_events USING brin (at);

CREATE FUNCTION note_key_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_event text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        v_event := 'added';
    ELSIF NEW.account <> OLD.account THEN
        v_event := 'moved';
    ELSIF NEW.blocked_until IS NULL THEN
        v_event := CASE WHEN OLD.blocked_until > now() THEN 'unblocked' ELSE 'recovered' END;
    ELSIF OLD.blocked_until > now() AND OLD.reason IS NOT DISTINCT FROM NEW.reason THEN
        RETURN NULL; -- The other orders that were under way are refused as well.
    ELSE
        v_event := 'blocked';
    END IF;
    INSERT INTO provider_key_events (fingerprint, event, account, reason, blocked_until)
    VALUES (NEW.fingerprint, v_event, NEW.account, NEW.reason, NEW.blocked_until);
    RETURN NULL;
END
$$;
CREATE TRIGGER provider_keys_note_added AFTER INSERT ON provider_keys
    FOR EACH ROW EXECUTE FUNCTION note_key_event();
CREATE TRIGGER provider_keys_note_change AFTER UPDATE ON provider_keys
    FOR EACH ROW WHEN (
        OLD.blocked_until IS DISTINCT FROM NEW.blocked_until OR OLD.account <> NEW.account
    ) EXECUTE FUNCTION note_key_event();

-- Make keys known, each with its account; tell how many of them nobody knew before. A key that
-- changes its account brings its window along: what it took there still counts at the provider.
CREATE FUNCTION register_provider_keys(p_fingerprints text[], p_accounts text[])
RETURNS integer LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_new integer;
BEGIN
    INSERT INTO provider_accounts (account)
    SELECT DISTINCT named.account FROM unnest(p_accounts) AS named (account) ORDER BY 1
    ON CONFLICT DO NOTHING;
    -- In the order in which takers lock them, so that nobody waits for each other.
    PERFORM 1 FROM provider_accounts
    WHERE account = ANY (p_accounts) OR account IN (
        SELECT k.account FROM provider_keys k WHERE k.fingerprint = ANY (p_fingerprints)
    )
    ORDER BY account FOR UPDATE;
    UPDATE provider_accounts target SET takes = target.takes || moved.takes
    FROM (
        SELECT origin.account, array_agg(taken) AS takes
        FROM (
            SELECT DISTINCT named.account, k.account AS former
            FROM unnest(p_fingerprints, p_accounts) AS named (fingerprint, account)
            JOIN provider_keys k USING (fingerprint)
            WHERE k.account <> named.account
        ) AS origin
        JOIN provider_accounts source ON source.account = origin.former
        CROSS JOIN LATERAL unnest(source.takes) AS taken
        GROUP BY origin.account
    ) AS moved
    WHERE target.account = moved.account;
    WITH registered AS (
        INSERT INTO provider_keys AS k (fingerprint, account)
        SELECT named.fingerprint, named.account
        FROM unnest(p_fingerprints, p_accounts) AS named (fingerprint, account)
        ORDER BY named.fingerprint
        ON CONFLICT (fingerprint) DO UPDATE SET
            account = excluded.account, registered_at = now()
        -- A row that was inserted has no version before it.
        RETURNING (k.xmax = 0) AS is_new
    )
    SELECT count(*) FILTER (WHERE is_new) INTO v_new FROM registered;
    RETURN v_new;
END
$$;

-- Let jobs that were postponed for want of a key try now; tell how many.
CREATE FUNCTION wake_parked_jobs(p_reasons text[], p_limit integer) RETURNS integer
LANGUAGE sql AS $$
    WITH parked AS (
        SELECT id FROM jobs
        WHERE status = 'queued' AND postponed_reason = ANY (p_reasons) AND retry_at > now()
        ORDER BY id LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), woken AS (
        UPDATE jobs SET retry_at = now(), enqueued_at = now() FROM parked
        WHERE jobs.id = parked.id
        RETURNING jobs.id, jobs.pool
    ), enqueued AS (
        INSERT INTO outbox (job_id, pool) SELECT id, pool FROM woken ORDER BY id
    )
    SELECT count(*)::integer FROM woken;
$$;

-- The history is written by whoever changes a key, and by nobody directly.
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION note_key_event() SECURITY DEFINER SET search_path = %I, pg_temp',
        current_schema()
    );
    REVOKE EXECUTE ON FUNCTION note_key_event() FROM PUBLIC;
END
$$;
