-- Whoever had blocked the bot when his order ended could not be told how. That is noted, so that he
-- is told when he comes back instead of finding an order that seems to go on for ever.
ALTER TABLE jobs ADD COLUMN unreached_at timestamptz;
COMMENT ON COLUMN jobs.unreached_at IS
'when its end could not be told since the user had blocked the bot; he is told when he comes back';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_worker') THEN
        GRANT UPDATE (unreached_at) ON jobs TO neurocards_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_bot') THEN
        GRANT UPDATE (unreached_at) ON jobs TO neurocards_bot;
    END IF;
END
$$;
