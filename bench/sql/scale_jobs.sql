-- $1 jobs, as many as there are users. All of them are done but for a large backlog: up to
-- 2,000 wait and up to 1,000 are being rendered. They are spread over the last 20 days.
INSERT INTO jobs (
    id, tg_user_id, bot_id, status, previous_status, attempt, template_id, options, photo_file_id,
    language, chat_id, status_message_id, price_credits, created_at, deadline_at, started_at,
    finished_at, lease_until, leased_by, provider, provider_task_id, key_fingerprint,
    result_file_id
)
SELECT
    uuidv7(shape.age), 1 + n * 7919::bigint % $1::integer, 1, shape.status,
    CASE shape.status WHEN 'done' THEN 'delivering' WHEN 'rendering' THEN 'submitting' END,
    CASE shape.status WHEN 'queued' THEN 0 ELSE 1 END,
    'studio_clean', '{"aspect_ratio": "9:16", "duration_s": 10, "script_language": "ru"}',
    'photo', 'ru', n, 1, 1, now() + shape.age, now() + interval '3 hours',
    CASE WHEN shape.status <> 'queued' THEN now() + shape.age END,
    CASE WHEN shape.status = 'done' THEN now() + shape.age END,
    CASE WHEN shape.status = 'rendering' THEN now() + interval '1 hour' END,
    CASE WHEN shape.status = 'rendering' THEN 'bench' END,
    CASE WHEN shape.status <> 'queued' THEN 'kie' END,
    CASE WHEN shape.status <> 'queued' THEN 'task-' || n END,
    CASE WHEN shape.status <> 'queued' THEN 'fingerprint' END,
    CASE WHEN shape.status = 'done' THEN 'file-' || n END
FROM generate_series(1, $1::integer) AS n
CROSS JOIN LATERAL (
    SELECT
        -(n % 1728000) * interval '1 second' AS age,
        CASE
            WHEN n <= least(2000, $1::integer / 10) THEN 'queued'
            WHEN n <= least(3000, $1::integer / 5) THEN 'rendering'
            ELSE 'done'
        END AS status
) AS shape;
