-- $1 to $6 are the key: bot, chat, user, thread, business connection, destiny.

-- name: dialogue_state
SELECT state FROM dialogues
WHERE (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny)
    = ($1, $2, $3, $4, $5, $6);

-- name: set_dialogue_state
INSERT INTO dialogues AS d (
    bot_id, chat_id, user_id, thread_id, business_connection_id, destiny, state
) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny)
DO UPDATE SET state = excluded.state, updated_at = now();

-- name: dialogue_data
SELECT data FROM dialogues
WHERE (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny)
    = ($1, $2, $3, $4, $5, $6);

-- name: set_dialogue_data
INSERT INTO dialogues AS d (
    bot_id, chat_id, user_id, thread_id, business_connection_id, destiny, data
) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny)
DO UPDATE SET data = excluded.data, updated_at = now();

-- name: merge_dialogue_data
INSERT INTO dialogues AS d (
    bot_id, chat_id, user_id, thread_id, business_connection_id, destiny, data
) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny)
DO UPDATE SET data = d.data || excluded.data, updated_at = now()
RETURNING data;

-- name: lock_dialogue
-- Held until the end of the transaction, so it also works behind a pooler.
SELECT pg_advisory_xact_lock(hashtextextended($1, 0));
