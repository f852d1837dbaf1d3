-- $1 users; each has a welcome credit and one draft that waits for its button.
WITH person AS (
    INSERT INTO users (tg_user_id, language, balance)
    SELECT n, CASE WHEN n % 5 = 0 THEN 'en' ELSE 'ru' END, 1
    FROM generate_series(1, $1::integer) AS n
    RETURNING tg_user_id
), booked AS (
    INSERT INTO ledger (account, kind, amount, key)
    SELECT side.account, 'welcome', side.amount, 'welcome:1:' || tg_user_id
    FROM person
    CROSS JOIN LATERAL (
        VALUES ('user:' || tg_user_id, 1::bigint), ('system', -1::bigint)
    ) AS side (account, amount)
)
INSERT INTO drafts (
    id, bot_id, tg_user_id, chat_id, photo_file_id, template_id, options, price_credits, language
)
SELECT gen_random_uuid(), 1, tg_user_id, tg_user_id, 'photo', 'studio_clean',
    '{"aspect_ratio": "9:16", "duration_s": 10, "script_language": "ru"}', 1, 'ru'
FROM person;
