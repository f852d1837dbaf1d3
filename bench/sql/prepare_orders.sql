-- $1 orders, $2 first user, $3 bot, $4 photo, $5 template, $6 options, $7 status message,
-- $8 caption
-- One user with one credit and one complete draft for each order.
WITH person AS (
    INSERT INTO users (tg_user_id, language, balance)
    SELECT $2::bigint + n, 'en', 1 FROM generate_series(0, $1::integer - 1) AS n
    RETURNING tg_user_id
), booked AS (
    INSERT INTO ledger (account, kind, amount, key)
    SELECT side.account, 'welcome', side.amount, 'welcome:' || $3::bigint || ':' || tg_user_id
    FROM person
    CROSS JOIN LATERAL (
        VALUES ('user:' || tg_user_id, 1::bigint), ('system', -1::bigint)
    ) AS side (account, amount)
)
INSERT INTO drafts (
    id, bot_id, tg_user_id, chat_id, message_id, photo_file_id, caption, template_id, options,
    price_credits, language
)
SELECT gen_random_uuid(), $3, tg_user_id, tg_user_id, $7::bigint, $4::text, $8::text, $5::text,
    $6::jsonb, 1, 'en'
FROM person
RETURNING id, tg_user_id;
