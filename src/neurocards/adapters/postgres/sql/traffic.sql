-- What a scaling policy can be replayed on. The operator's role may read it.

-- name: recorded_jobs
-- $2: seconds back. A job that was retried or rested was longer in a slot than it takes. One that
-- ended before anybody took it never needed a slot.
SELECT created_at AS accepted_at,
    CASE WHEN status = 'done' AND tries = 0 AND parked_notice_at IS NULL
        THEN greatest(EXTRACT(epoch FROM finished_at - started_at), 0.001)::double precision
    END AS service_s
FROM scaling_jobs
WHERE pool = $1
    AND id >= first_job_id(now() - make_interval(secs => $2) - interval '5 minutes')
    AND created_at >= now() - make_interval(secs => $2)
    AND (started_at IS NOT NULL OR status NOT IN ('done', 'failed', 'cancelled'))
ORDER BY created_at LIMIT $3;
