-- name: lock_messages
SELECT id, job_id, pool FROM outbox ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED;

-- name: delete_messages
DELETE FROM outbox WHERE id = ANY ($1::bigint[]);

-- name: enqueue_due
-- A job is due since its retry time, the end of its lease, or its acceptance. It is announced once
-- when it becomes due, and again when nobody has claimed it for $2 seconds. What is still not
-- claimed most likely waits behind others: it is announced at twice its waiting time again, and
-- each tenfold $2 in the end, so a long queue is not published anew all the time.
WITH due AS (
    SELECT id FROM jobs
    WHERE status NOT IN ('done', 'failed', 'cancelled')
        AND coalesce(lease_until, retry_at, created_at) <= now()
        AND (
            enqueued_at < coalesce(lease_until, retry_at, created_at)
            OR enqueued_at <= now() - greatest(
                make_interval(secs => $2),
                least(
                    make_interval(secs => 10 * $2),
                    (now() - coalesce(lease_until, retry_at, created_at)) / 2
                )
            )
        )
    ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
), marked AS (
    UPDATE jobs SET enqueued_at = now() FROM due WHERE jobs.id = due.id
    RETURNING jobs.id, jobs.pool
), enqueued AS (
    INSERT INTO outbox (job_id, pool) SELECT id, pool FROM marked
)
SELECT count(*) FROM marked;

-- name: enqueue_all
-- Jobs at work too: their messages are gone with the broker's memory, and with them the redelivery.
-- One batch of those that were announced before $1, and the first batch says what that is. A row that
-- is locked is in the hands of another reaper or of a worker, whose lease ends if he does.
WITH unfinished AS (
    SELECT id FROM jobs
    WHERE status NOT IN ('done', 'failed', 'cancelled')
        AND (retry_at IS NULL OR retry_at <= now())
        AND enqueued_at < coalesce($1::timestamptz, now())
    LIMIT $2 FOR UPDATE SKIP LOCKED
), marked AS (
    UPDATE jobs SET enqueued_at = now() FROM unfinished WHERE jobs.id = unfinished.id
    RETURNING jobs.id, jobs.pool
), enqueued AS (
    INSERT INTO outbox (job_id, pool) SELECT id, pool FROM marked ORDER BY id
)
SELECT count(*) AS jobs, coalesce($1::timestamptz, now()) AS moment FROM marked;

-- name: end_overdue
-- In the order of the users: two reapers that give refunds at once cannot wait for each other.
WITH overdue AS (
    SELECT id, attempt, status, bot_id, chat_id, status_message_id, language FROM jobs
    WHERE status = 'queued' AND deadline_at <= now() - make_interval(secs => $2)
        AND provider_task_id IS NULL AND submissions = 0 AND delivery_began_at IS NULL
    ORDER BY tg_user_id LIMIT $1 FOR UPDATE SKIP LOCKED
)
SELECT id, bot_id, chat_id, status_message_id, language FROM overdue
WHERE fail_job(id, attempt, status, 'RATE_LIMIT', 'deadline', 'not begun until the deadline');

-- name: enqueue_untold
-- Jobs that ended $2 seconds ago and whose users may not know: a worker that meets one tells.
WITH untold AS (
    SELECT id FROM jobs
    WHERE told_at IS NULL AND status IN ('done', 'failed', 'cancelled')
        AND finished_at <= now() - make_interval(secs => $2)
        AND enqueued_at <= now() - make_interval(secs => $2)
    ORDER BY finished_at LIMIT $1 FOR UPDATE SKIP LOCKED
), marked AS (
    UPDATE jobs SET enqueued_at = now() FROM untold WHERE jobs.id = untold.id
    RETURNING jobs.id, jobs.pool
), enqueued AS (
    INSERT INTO outbox (job_id, pool) SELECT id, pool FROM marked
)
SELECT count(*) FROM marked;

-- name: mark_all_told
UPDATE jobs SET told_at = now()
WHERE id = ANY ($1::uuid[]) AND told_at IS NULL AND status IN ('done', 'failed', 'cancelled');

-- name: ensure_partitions
SELECT ensure_job_partitions();

-- name: forget_updates
WITH old AS (
    SELECT ctid FROM updates WHERE received_at < now() - make_interval(secs => $1) LIMIT $2
)
DELETE FROM updates USING old WHERE updates.ctid = old.ctid;

-- name: forget_inbound_buckets
WITH past AS (
    SELECT ctid FROM inbound_buckets WHERE full_at < now() LIMIT $1
)
DELETE FROM inbound_buckets USING past WHERE inbound_buckets.ctid = past.ctid;

-- name: forget_outbound_buckets
WITH past AS (
    SELECT ctid FROM outbound_buckets
    WHERE chat_id <> 0 AND full_at < now() AND (paused_until IS NULL OR paused_until < now())
    LIMIT $1
)
DELETE FROM outbound_buckets USING past WHERE outbound_buckets.ctid = past.ctid;

-- name: forget_drafts
-- Whoever presses a button of one that is gone reads that the menu is out of date. An accepted one
-- goes as well: its job is what counts by then.
WITH old AS (
    SELECT ctid FROM drafts
    WHERE created_at < now() - make_interval(secs => $1)
        AND updated_at < now() - make_interval(secs => $1)
    LIMIT $2
)
DELETE FROM drafts USING old WHERE drafts.ctid = old.ctid;

-- name: forget_dialogues
WITH old AS (
    SELECT ctid FROM dialogues WHERE updated_at < now() - make_interval(secs => $1)
    ORDER BY updated_at LIMIT $2
)
DELETE FROM dialogues USING old WHERE dialogues.ctid = old.ctid;

-- name: stray_jobs
SELECT count(*) FROM (SELECT FROM jobs_default LIMIT $1) AS strays;

-- name: recent_jobs
SELECT status, count(*) AS jobs FROM jobs
WHERE created_at >= now() - make_interval(secs => $1)
GROUP BY status;

-- name: outbox_depth
SELECT count(*) AS messages,
    coalesce(EXTRACT(epoch FROM now() - min(created_at)), 0)::double precision AS oldest_s
FROM outbox;
