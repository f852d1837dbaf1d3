-- The bot counts the jobs that fell into the partition for everything else: there should be none.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_bot') THEN
        GRANT SELECT ON jobs_default TO neurocards_bot;
    END IF;
END
$$;
