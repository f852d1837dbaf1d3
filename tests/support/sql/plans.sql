-- name: fill_jobs
-- $1: ids, $2: over how many users they are spread.
INSERT INTO jobs (
    id, tg_user_id, bot_id, result_file_id, template_id, options, photo_file_id, language,
    chat_id, status_message_id, price_credits, deadline_at
)
SELECT id, number % $2, 1, 'file', 'first', '{}', 'photo', 'ru', 1, 1, 1,
    now() + interval '3 hours'
FROM unnest($1::uuid[]) WITH ORDINALITY AS made (id, number);

-- name: end_all_but
UPDATE jobs SET status = 'cancelled', finished_at = now() WHERE id <> ALL ($1::uuid[]);
