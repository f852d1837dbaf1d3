-- The worker's statements. Every write is fenced by id, attempt and status: no row, no right.
-- A write whose answer was lost is repeated, so each one knows its own deed: the state that it led
-- to, under the same attempt, out of the state of the fence ($3), with the same values. It is one
-- UPDATE, since a second look would not see what a first try commits at the same moment.
-- None of them reads another table than jobs and outbox.

-- name: claim_job
-- One round trip: take the job, or tell why it cannot be taken.
WITH claimed AS (
    UPDATE jobs SET
        attempt = attempt + 1,
        status = CASE status WHEN 'queued' THEN 'scripting' ELSE status END,
        lease_losses = lease_losses + CASE WHEN leased_by IS NULL THEN 0 ELSE 1 END,
        lease_until = now() + make_interval(secs => $3),
        leased_by = $2,
        retry_at = NULL,
        postponed_reason = NULL,
        started_at = coalesce(started_at, now())
    WHERE id = $1
        AND status NOT IN ('done', 'failed', 'cancelled')
        AND (retry_at IS NULL OR retry_at <= now())
        AND (lease_until IS NULL OR lease_until <= now())
    RETURNING *
)
SELECT true AS claimed, NULL::double precision AS held_s, NULL::double precision AS due_s, *
FROM claimed
UNION ALL
SELECT
    false,
    EXTRACT(epoch FROM lease_until - now())::double precision,
    EXTRACT(epoch FROM retry_at - now())::double precision,
    *
FROM jobs
WHERE id = $1 AND NOT EXISTS (SELECT FROM claimed);

-- name: renew_leases
UPDATE jobs SET lease_until = now() + make_interval(secs => $3)
FROM unnest($1::uuid[], $2::integer[]) AS fence (id, attempt)
WHERE jobs.id = fence.id AND jobs.attempt = fence.attempt AND jobs.leased_by IS NOT NULL
RETURNING jobs.id;

-- name: release_jobs
-- A lease that ends without a holder was handed over: the next claim counts no loss.
WITH released AS (
    UPDATE jobs SET lease_until = now(), leased_by = NULL, enqueued_at = now()
    FROM unnest($1::uuid[], $2::integer[]) AS fence (id, attempt)
    WHERE jobs.id = fence.id AND jobs.attempt = fence.attempt AND jobs.leased_by IS NOT NULL
    RETURNING jobs.id, jobs.pool
), enqueued AS (
    INSERT INTO outbox (job_id, pool) SELECT id, pool FROM released
)
SELECT count(*) FROM released;

-- name: store_script
UPDATE jobs SET script = $4, scripted_at = now()
WHERE id = $1 AND attempt = $2 AND status = $3
RETURNING id;

-- name: start_submitting
UPDATE jobs SET
    status = 'submitting',
    submissions = submissions + CASE WHEN $4 AND status = $3 THEN 1 ELSE 0 END,
    orphans = orphans + CASE WHEN $4 AND status = $3 AND submissions > 0 THEN 1 ELSE 0 END,
    submitted_at = CASE WHEN $4 AND status = $3 THEN now() ELSE submitted_at END
WHERE id = $1 AND attempt = $2 AND $3 = 'scripting'
    AND (status = $3 OR (status = 'submitting' AND previous_status = $3))
RETURNING id;

-- name: count_resubmission
-- $4: the number of this submission, which stands in the row when this was done before.
UPDATE jobs SET
    submissions = $4,
    orphans = orphans + $4 - submissions,
    submitted_at = CASE WHEN submissions < $4 THEN now() ELSE submitted_at END
WHERE id = $1 AND attempt = $2 AND status = $3 AND status = 'submitting'
    AND submissions IN ($4 - 1, $4)
RETURNING id;

-- name: store_task
UPDATE jobs SET
    status = 'rendering', provider = $4, model = $5, provider_task_id = $6, key_fingerprint = $7,
    rendering_at = coalesce(rendering_at, now())
WHERE id = $1 AND attempt = $2 AND $3 = 'submitting'
    AND (
        status = $3
        OR (status = 'rendering' AND previous_status = $3 AND provider_task_id = $6)
    )
RETURNING id;

-- name: start_fetching
UPDATE jobs SET status = 'fetching', rendered_at = coalesce(rendered_at, now())
WHERE id = $1 AND attempt = $2 AND $3 = 'rendering'
    AND (status = $3 OR (status = 'fetching' AND previous_status = $3))
RETURNING id;

-- name: count_fetch_failure
UPDATE jobs SET fetch_address = $4, fetch_failures = $5, fetch_failures_in_all = $6
WHERE id = $1 AND attempt = $2 AND status = $3 AND status IN ('fetching', 'delivering')
RETURNING id;

-- name: start_delivering
UPDATE jobs SET
    status = 'delivering', fetched_at = coalesce(fetched_at, now()),
    fetch_address = '', fetch_failures = 0, fetch_failures_in_all = 0,
    delivery_began_at = coalesce(delivery_began_at, now())
WHERE id = $1 AND attempt = $2 AND $3 = 'fetching'
    AND (status = $3 OR (status = 'delivering' AND previous_status = $3))
RETURNING id;

-- name: mark_fallback_sent
UPDATE jobs SET fallback_sent_at = coalesce(fallback_sent_at, now())
WHERE id = $1 AND attempt = $2 AND status = $3
RETURNING id;

-- name: mark_parked_notice
UPDATE jobs SET parked_notice_at = coalesce(parked_notice_at, now())
WHERE id = $1 AND attempt = $2 AND status = $3
RETURNING id;

-- name: finish_job
UPDATE jobs SET
    status = 'done', finished_at = coalesce(finished_at, now()), lease_until = NULL,
    leased_by = NULL, result_file_id = $4,
    undelivered_at = CASE WHEN $5 THEN coalesce(undelivered_at, now()) END,
    error_class = NULL, error_code = NULL, error_text = NULL
WHERE id = $1 AND attempt = $2 AND $3 = 'delivering'
    AND (
        status = $3
        OR (
            status = 'done' AND previous_status = $3
            AND result_file_id IS NOT DISTINCT FROM $4 AND (undelivered_at IS NOT NULL) = $5
        )
    )
RETURNING id;

-- name: mark_told
-- $3: he was reached. Otherwise his return makes the end untold again, with all its words.
UPDATE jobs SET
    told_at = coalesce(told_at, now()),
    notice_sent_at = CASE WHEN $3 THEN coalesce(notice_sent_at, now()) ELSE notice_sent_at END,
    unreached_at = CASE WHEN $3 THEN NULL ELSE coalesce(unreached_at, now()) END
WHERE id = $1 AND attempt = $2 AND status IN ('done', 'failed', 'cancelled')
RETURNING id;

-- name: postpone_job
UPDATE jobs SET
    status = 'queued', lease_until = NULL, leased_by = NULL,
    retry_at = CASE WHEN status = $3 THEN now() + make_interval(secs => $4) ELSE retry_at END,
    postponed_reason = $5,
    tries = tries + CASE WHEN $6::text IS NULL OR status <> $3 THEN 0 ELSE 1 END,
    error_class = coalesce($6, error_class), error_code = coalesce($7, error_code),
    error_text = coalesce($8, error_text),
    submissions = CASE
        WHEN NOT $9 OR status <> $3 THEN submissions
        WHEN provider_task_id IS NULL THEN greatest(submissions - 1, 0)
        ELSE 0
    END,
    provider = CASE WHEN $9 THEN NULL ELSE provider END,
    model = CASE WHEN $9 THEN NULL ELSE model END,
    provider_task_id = CASE WHEN $9 THEN NULL ELSE provider_task_id END,
    key_fingerprint = CASE WHEN $9 THEN NULL ELSE key_fingerprint END,
    rendering_at = CASE WHEN $9 THEN NULL ELSE rendering_at END,
    rendered_at = CASE WHEN $9 THEN NULL ELSE rendered_at END,
    fetch_address = CASE WHEN $9 THEN '' ELSE fetch_address END,
    fetch_failures = CASE WHEN $9 THEN 0 ELSE fetch_failures END,
    fetch_failures_in_all = CASE WHEN $9 THEN 0 ELSE fetch_failures_in_all END,
    delivery_began_at = CASE WHEN $10 AND status = $3 THEN NULL ELSE delivery_began_at END
WHERE id = $1 AND attempt = $2 AND $3 NOT IN ('queued', 'done', 'failed', 'cancelled')
    AND (
        status = $3
        OR (status = 'queued' AND previous_status = $3 AND postponed_reason = $5)
    )
RETURNING id;

-- name: give_job_up
SELECT give_job_up($1, $2, $3, $4, $5, $6, $7);
