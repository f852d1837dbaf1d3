DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_bot') THEN
        REVOKE SELECT ON jobs_default FROM neurocards_bot;
    END IF;
END
$$;
