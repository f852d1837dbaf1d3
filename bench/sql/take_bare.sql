-- $1 fingerprint
UPDATE provider_keys SET taken_count = taken_count + 1, last_taken_at = clock_timestamp()
WHERE fingerprint = $1 RETURNING fingerprint;
