DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_bot') THEN
        REVOKE SELECT (id, decided_at, namespace, name, mode, replicas_before, replicas)
            ON scaling_decisions FROM neurocards_bot;
    END IF;
END
$$;
