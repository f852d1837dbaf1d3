-- `/queue_stats` tells how many workers the operator wants: the numbers, and not what led to them.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_bot') THEN
        GRANT SELECT (id, decided_at, namespace, name, mode, replicas_before, replicas)
            ON scaling_decisions TO neurocards_bot;
    END IF;
END
$$;
