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
            WHEN NEW.status = 'done'
                AND (NEW.undelivered_at IS NOT NULL OR NEW.fallback_sent_at IS NOT NULL) THEN now()
        END;
    END IF;
    RETURN NEW;
END
$$;
