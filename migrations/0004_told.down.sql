-- Nothing of money is lost: only who was told, and whose words a reason was in.
DROP FUNCTION give_job_up(uuid, integer, text, text, text, text, text);
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
    END IF;
    RETURN NEW;
END
$$;
DROP INDEX idx_jobs_untold;
ALTER TABLE jobs DROP COLUMN told_at, DROP COLUMN error_source;
