-- Whether the user knows how his job ended. Who ends a job may die before he has told; whoever
-- meets the job next finds told_at empty and tells. Everything that ended before this counts as
-- told: the default fills the rows that exist and is taken away again.
ALTER TABLE jobs ADD COLUMN told_at timestamptz DEFAULT now(), ADD COLUMN error_source text;
-- squawk-ignore ban-drop-default
ALTER TABLE jobs ALTER COLUMN told_at DROP DEFAULT;
UPDATE jobs SET told_at = NULL WHERE status NOT IN ('done', 'failed', 'cancelled');
COMMENT ON COLUMN jobs.told_at IS 'when the user knew how it ended; NULL in a job that ended: tell him';
COMMENT ON COLUMN jobs.error_source IS 'whose words error_text is; NULL: our own';

-- It holds what ended moments ago, and what could not be told yet.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX idx_jobs_untold ON jobs (finished_at)
    WHERE told_at IS NULL AND status IN ('done', 'failed', 'cancelled');

-- As before, and: some ends tell themselves. Who cancels is answered by the bot, and his update
-- comes again until he was; nobody can be told whom no video could reach; a video that came as a
-- new message made its own sound. A job that goes on has no end to tell of.
CREATE OR REPLACE FUNCTION guard_job_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.attempt < OLD.attempt THEN
        RAISE EXCEPTION 'job %: attempt % is lower than %', OLD.id, NEW.attempt, OLD.attempt;
    END IF;
    IF NEW.status IS DISTINCT FROM OLD.status THEN
        IF OLD.status = 'done' AND OLD.undelivered_at IS NULL THEN
            RAISE EXCEPTION 'job %: a delivered job stays done', OLD.id;
        END IF;
        NEW.previous_status := OLD.status;
        NEW.told_at := CASE
            WHEN NEW.status = 'cancelled' THEN now()
            WHEN NEW.status = 'done'
                AND (NEW.undelivered_at IS NOT NULL OR NEW.fallback_sent_at IS NOT NULL) THEN now()
        END;
    END IF;
    RETURN NEW;
END
$$;

-- End a job without a video, give the credits back, and keep whose words the reason is in. Called
-- again by the same worker, since the answer was lost, it finds its own deed and says so. False
-- for a zombie: nothing changes.
CREATE FUNCTION give_job_up(
    p_id uuid, p_attempt integer, p_status text,
    p_source text, p_class text, p_code text, p_text text
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_user bigint;
    v_price integer;
BEGIN
    UPDATE jobs SET status = 'failed', finished_at = coalesce(finished_at, now()),
        lease_until = NULL, leased_by = NULL, retry_at = NULL,
        error_source = p_source, error_class = p_class, error_code = p_code, error_text = p_text
    WHERE id = p_id AND attempt = p_attempt AND p_status NOT IN ('done', 'failed', 'cancelled')
        AND (
            status = p_status
            OR (
                status = 'failed' AND previous_status = p_status
                AND error_class = p_class AND error_code = p_code
            )
        )
    RETURNING tg_user_id, price_credits INTO v_user, v_price;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM book_credits(v_user, 'refund', v_price, 'refund:' || p_id, p_id);
    RETURN true;
END
$$;

DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION give_job_up SECURITY DEFINER SET search_path = %I, pg_temp',
        current_schema()
    );
    REVOKE EXECUTE ON FUNCTION give_job_up FROM PUBLIC;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_worker') THEN
        GRANT EXECUTE ON FUNCTION give_job_up TO neurocards_worker;
        GRANT UPDATE (told_at, error_source) ON jobs TO neurocards_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_bot') THEN
        GRANT UPDATE (told_at) ON jobs TO neurocards_bot;
    END IF;
END
$$;
