-- Take a key whose account has room and is in nobody's hands; NULL when there is none, which is
-- when `take_provider_key` must be asked. That one locks all accounts to tell how long to wait: with
-- it alone, takers of hundreds of accounts would stand in one line.
-- Never waits for an account. What it locks on its way stays locked until the transaction ends, so it
-- must be alone in it: who waits for all accounts while he holds some would be waited for.
CREATE FUNCTION take_free_provider_key(p_fingerprints text [], p_window interval, p_limit integer)
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
    FOR UPDATE OF a SKIP LOCKED;
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
