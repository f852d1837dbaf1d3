-- A key is locked where it is looked at: one that is blocked between the look and the booking would
-- come out of it unblocked, and the next order on it would fail.
CREATE OR REPLACE FUNCTION take_free_provider_key(p_fingerprints text [], p_window interval, p_limit integer)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_key text;
    v_account text;
BEGIN
    -- An account that another taker had between our look and our lock has had its turn: it is
    -- passed, since what is locked is compared with what was seen.
    SELECT k.fingerprint, a.account INTO v_key, v_account
    FROM provider_keys k
    JOIN (SELECT account, takes AS seen FROM provider_accounts OFFSET 0) s USING (account)
    JOIN provider_accounts a USING (account)
    WHERE k.fingerprint = ANY (p_fingerprints)
        AND (k.blocked_until IS NULL OR k.blocked_until <= v_now)
        AND (SELECT count(*) FROM unnest(s.seen) t WHERE t > v_now - p_window) < p_limit
        AND a.takes = s.seen
    ORDER BY k.last_taken_at NULLS FIRST, k.fingerprint LIMIT 1
    FOR UPDATE OF a, k SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    v_now := clock_timestamp();
    UPDATE provider_accounts SET takes = array(
        SELECT t FROM unnest(takes) t WHERE t > v_now - p_window
    ) || v_now
    WHERE account = v_account;
    UPDATE provider_keys SET last_taken_at = v_now, taken_count = taken_count + 1,
        blocked_until = NULL, reason = NULL
    WHERE fingerprint = v_key;
    RETURN v_key;
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
    ORDER BY k.last_taken_at NULLS FIRST, k.fingerprint LIMIT 1
    FOR UPDATE OF k;
    IF FOUND THEN
        UPDATE provider_accounts SET takes = array(
            SELECT t FROM unnest(takes) t WHERE t > v_now - p_window
        ) || v_now
        WHERE account = v_account;
        UPDATE provider_keys k SET last_taken_at = v_now, taken_count = taken_count + 1,
            blocked_until = NULL, reason = NULL
        WHERE k.fingerprint = v_key;
        RETURN QUERY SELECT v_key, NULL::integer, NULL::timestamptz;
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
