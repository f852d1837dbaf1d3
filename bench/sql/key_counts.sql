SELECT sum(taken_count)::bigint AS counted, min(taken_count) AS least, max(taken_count) AS most
FROM provider_keys;
