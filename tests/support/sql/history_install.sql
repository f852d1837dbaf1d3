-- An operation log beside the jobs: one row per change that matters, by whoever made it. It is
-- installed by tests only, after the migrations. Renewed leases are left out: there are too many.
CREATE TABLE observed_operations (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    observed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    backend text NOT NULL,
    application text NOT NULL DEFAULT current_setting('application_name'),
    job_id uuid NOT NULL,
    attempt integer NOT NULL,
    status text NOT NULL,
    leased_by text,
    provider_task_id text,
    submissions smallint NOT NULL,
    undelivered boolean NOT NULL
);

CREATE FUNCTION observe_operation() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    -- With the time of its start: a system that is busy for long uses a process id again.
    INSERT INTO observed_operations (
        backend, job_id, attempt, status, leased_by, provider_task_id, submissions, undelivered
    ) VALUES (
        (
            SELECT pid || ' since ' || backend_start
            FROM pg_stat_get_activity(pg_backend_pid())
        ),
        NEW.id, NEW.attempt, NEW.status, NEW.leased_by, NEW.provider_task_id, NEW.submissions,
        NEW.undelivered_at IS NOT NULL
    );
    RETURN NULL;
END
$$;

CREATE TRIGGER observe_new_job AFTER INSERT ON jobs
    FOR EACH ROW EXECUTE FUNCTION observe_operation();
CREATE TRIGGER observe_changed_job AFTER UPDATE ON jobs
    FOR EACH ROW WHEN (
        (OLD.attempt, OLD.status, OLD.provider_task_id, OLD.submissions)
        IS DISTINCT FROM (NEW.attempt, NEW.status, NEW.provider_task_id, NEW.submissions)
    ) EXECUTE FUNCTION observe_operation();
