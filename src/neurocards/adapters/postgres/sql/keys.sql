-- Health and window of the provider keys, by fingerprint; never the key.

-- name: register_keys
-- Each key is an account of its own until somebody says that some share one.
WITH accounts AS (
    INSERT INTO provider_accounts (account) SELECT unnest($1::text[])
    ON CONFLICT DO NOTHING
)
INSERT INTO provider_keys (fingerprint, account)
SELECT fingerprint, fingerprint FROM unnest($1::text[]) AS fingerprint
ON CONFLICT DO NOTHING;

-- name: take_key
SELECT fingerprint, wait_ms, nullif(blocked_until, 'infinity') AS blocked_until
FROM take_provider_key($1, make_interval(secs => $2), $3);

-- name: block_key
UPDATE provider_keys SET
    blocked_until = greatest(blocked_until, now() + make_interval(secs => $2)), reason = $3,
    failure_count = failure_count + 1, last_failure_at = now()
WHERE fingerprint = $1;
