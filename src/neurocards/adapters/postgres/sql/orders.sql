-- The bot's statements: users, drafts, acceptance, history.

-- name: welcome_user
SELECT language, balance, is_new FROM welcome_user($1, $2, $3, $4);

-- name: user
SELECT language, balance FROM users WHERE tg_user_id = $1;

-- name: set_language
UPDATE users SET language = $2, updated_at = now() WHERE tg_user_id = $1;

-- name: set_blocked
UPDATE users SET blocked_at = CASE WHEN $2 THEN coalesce(blocked_at, now()) END, updated_at = now()
WHERE tg_user_id = $1;

-- name: admit_update
SELECT outcome, tell, wait_s FROM admit_update($1, $2, $3, $4, make_interval(secs => $5), $6);

-- name: was_applied
SELECT EXISTS (SELECT FROM updates WHERE bot_id = $1 AND update_id = $2);

-- name: mark_applied
INSERT INTO updates (bot_id, update_id) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: save_draft
INSERT INTO drafts (
    id, bot_id, tg_user_id, chat_id, message_id, photo_file_id, caption, template_id, options,
    price_credits, language
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (id) DO NOTHING;

-- name: draft
SELECT * FROM drafts WHERE id = $1 AND tg_user_id = $2;

-- name: choose
UPDATE drafts SET
    template_id = coalesce($3, template_id), options = coalesce($4, options),
    price_credits = coalesce($5, price_credits), caption = coalesce($6, caption),
    updated_at = now()
WHERE id = $1 AND tg_user_id = $2 AND job_id IS NULL
RETURNING *;

-- name: discard_draft
DELETE FROM drafts WHERE id = $1 AND tg_user_id = $2 AND job_id IS NULL RETURNING id;

-- name: accept
SELECT outcome, job_id, balance, price_credits, language
FROM create_job_and_consume_credit($1, $2, $3, $4, $5, $6, $7, $8, make_interval(secs => $9));

-- name: cancel
SELECT status, refunded FROM cancel_job($1, $2);

-- name: cancel_newest
SELECT job_id, status, status_message_id, cancelled FROM cancel_newest_job($1, $2, $3);

-- name: past_order
SELECT status, template_id, photo_file_id, caption, options FROM jobs
WHERE id = $1 AND tg_user_id = $2 AND bot_id = $3;

-- name: history
-- Whatever was shown: of a video whose file Telegram did not tell, the message is left.
SELECT id, status, template_id, result_file_id, price_credits, created_at, status_message_id
FROM jobs
WHERE tg_user_id = $1 AND id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    AND status = 'done' AND undelivered_at IS NULL AND ($4::bigint IS NULL OR bot_id = $4)
ORDER BY id DESC LIMIT $3;

-- name: requeue_undelivered
-- The provider keeps a video for 14 days. Ends without a video that he could not be told of are
-- untold again, so that a worker tells of them.
WITH requeued AS (
    UPDATE jobs SET
        status = 'queued', finished_at = NULL, undelivered_at = NULL, retry_at = NULL,
        deadline_at = now() + least(deadline_at - created_at, interval '1 day'),
        enqueued_at = now()
    WHERE tg_user_id = $1 AND bot_id = $2 AND status = 'done'
        AND undelivered_at > now() - interval '14 days'
    RETURNING id, pool
), untold AS (
    UPDATE jobs SET told_at = NULL, unreached_at = NULL, enqueued_at = now()
    WHERE tg_user_id = $1 AND bot_id = $2 AND status IN ('failed', 'cancelled')
        AND unreached_at > now() - interval '14 days'
    RETURNING id, pool
), enqueued AS (
    INSERT INTO outbox (job_id, pool)
    SELECT id, pool FROM requeued UNION ALL SELECT id, pool FROM untold
)
SELECT count(*) FROM requeued;
