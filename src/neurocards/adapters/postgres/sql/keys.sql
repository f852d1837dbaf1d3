-- Health and window of the provider keys, by fingerprint; never the key.

-- name: register_keys
SELECT register_provider_keys($1, $2);

-- name: wake_parked_jobs
SELECT wake_parked_jobs($1, $2);

-- name: take_free_key
SELECT take_free_provider_key($1, make_interval(secs => $2), $3) AS fingerprint;

-- name: take_key
SELECT fingerprint, wait_ms, nullif(blocked_until, 'infinity') AS blocked_until
FROM take_provider_key($1, make_interval(secs => $2), $3);

-- name: key_states
SELECT fingerprint, CASE WHEN blocked_until > now() THEN coalesce(reason, 'unknown') END AS rests_for
FROM provider_keys WHERE fingerprint = ANY ($1::text[]);

-- name: usable_key
-- The healthy one that was taken longest ago, or the one whose rest ends first.
SELECT fingerprint, CASE WHEN blocked_until > now() THEN blocked_until END AS blocked_until
FROM provider_keys WHERE fingerprint = ANY ($1::text[])
ORDER BY CASE WHEN blocked_until > now() THEN blocked_until END NULLS FIRST,
    last_taken_at NULLS FIRST, fingerprint
LIMIT 1;

-- name: block_key
-- With $4 all keys of the account: the provider counts its orders and credits together.
UPDATE provider_keys SET
    reason = CASE
        WHEN blocked_until > now() + make_interval(secs => $2) THEN reason ELSE $3
    END,
    blocked_until = greatest(blocked_until, now() + make_interval(secs => $2)),
    failure_count = failure_count + CASE WHEN fingerprint = $1 THEN 1 ELSE 0 END,
    last_failure_at = CASE WHEN fingerprint = $1 THEN now() ELSE last_failure_at END
WHERE fingerprint = $1 OR (
    $4 AND account = (SELECT named.account FROM provider_keys named WHERE named.fingerprint = $1)
);
