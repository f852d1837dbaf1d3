-- Takers of different accounts no longer wait for each other: a free account is taken as it is, and
-- all of them are locked only where none is free. With hundreds of accounts one lock over all
-- of them would be as slow as a single account.

-- Write a take of a key into the window of its account, which the caller has locked.
CREATE FUNCTION note_taken_key(p_fingerprint text, p_account text, p_window interval)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    -- Not now(): takers queue for the lock, and their transactions began before it.
    v_now timestamptz := clock_timestamp();
BEGIN
    UPDATE provider_accounts SET takes = array(
        SELECT t FROM unnest(takes) t WHERE t > v_now - p_window
    ) || v_now
    WHERE account = p_account;
    UPDATE provider_keys SET last_taken_at = v_now, taken_count = taken_count + 1,
        blocked_until = NULL, reason = NULL
    WHERE fingerprint = p_fingerprint;
    RETURN p_fingerprint;
END
$$;

CREATE OR REPLACE FUNCTION take_provider_key(p_fingerprints text[], p_window interval, p_limit integer)
RETURNS TABLE (fingerprint text, wait_ms integer, blocked_until timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    -- Not now(): takers queue for the lock below, and their transactions began before it.
    v_now timestamptz;
    v_key text;
    v_account text;
    v_oldest timestamptz;
    v_until timestamptz;
BEGIN
    v_now := clock_timestamp();
    SELECT k.fingerprint, a.account INTO v_key, v_account
    FROM provider_keys k JOIN provider_accounts a USING (account)
    WHERE k.fingerprint = ANY (p_fingerprints)
        AND (k.blocked_until IS NULL OR k.blocked_until <= v_now)
        AND (SELECT count(*) FROM unnest(a.takes) t WHERE t > v_now - p_window) < p_limit
    ORDER BY k.last_taken_at NULLS FIRST, k.fingerprint LIMIT 1
    FOR UPDATE OF a SKIP LOCKED;
    IF FOUND THEN
        RETURN QUERY SELECT note_taken_key(v_key, v_account, p_window), NULL::integer, NULL::timestamptz;
        RETURN;
    END IF;

    -- Each account is full, or in the hands of another taker. To tell how long to wait, or that
    -- all is blocked, takes a look at all of them at once.
    PERFORM 1 FROM provider_accounts
    WHERE account IN (
        SELECT k.account FROM provider_keys k WHERE k.fingerprint = ANY (p_fingerprints)
    )
    ORDER BY account FOR UPDATE;
    v_now := clock_timestamp();

    SELECT k.fingerprint, k.account INTO v_key, v_account
    FROM provider_keys k JOIN provider_accounts a USING (account)
    WHERE k.fingerprint = ANY (p_fingerprints)
        AND (k.blocked_until IS NULL OR k.blocked_until <= v_now)
        AND (SELECT count(*) FROM unnest(a.takes) t WHERE t > v_now - p_window) < p_limit
    ORDER BY k.last_taken_at NULLS FIRST, k.fingerprint LIMIT 1;
    IF FOUND THEN
        RETURN QUERY SELECT note_taken_key(v_key, v_account, p_window), NULL::integer, NULL::timestamptz;
        RETURN;
    END IF;

    SELECT min((
        SELECT t FROM unnest(a.takes) t WHERE t > v_now - p_window
        ORDER BY t DESC OFFSET p_limit - 1 LIMIT 1
    )) INTO v_oldest
    FROM provider_keys k JOIN provider_accounts a USING (account)
    WHERE k.fingerprint = ANY (p_fingerprints)
        AND (k.blocked_until IS NULL OR k.blocked_until <= v_now);
    IF v_oldest IS NOT NULL THEN
        RETURN QUERY SELECT NULL::text, greatest(
            1, ceil(EXTRACT(epoch FROM v_oldest + p_window - v_now) * 1000)
        )::integer, NULL::timestamptz;
        RETURN;
    END IF;
    SELECT coalesce(min(k.blocked_until), 'infinity') INTO v_until
    FROM provider_keys k WHERE k.fingerprint = ANY (p_fingerprints);
    RETURN QUERY SELECT NULL::text, NULL::integer, v_until;
END
$$;
