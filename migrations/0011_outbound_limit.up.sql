-- How much each bot says to Telegram, and in each chat: buckets that all processes share. The row
-- of chat 0 is the bot's own. Written without a log: a crash empties the table, and with it every
-- bucket is full.
CREATE UNLOGGED TABLE outbound_buckets (
    bot_id bigint NOT NULL,
    chat_id bigint NOT NULL,
    full_at timestamptz NOT NULL,
    paused_until timestamptz,
    PRIMARY KEY (bot_id, chat_id)
) WITH (fillfactor = 50);
CREATE INDEX outbound_buckets_paused ON outbound_buckets (bot_id) WHERE paused_until IS NOT NULL;
COMMENT ON COLUMN outbound_buckets.full_at IS 'when all that was taken has flown back; a moment of the past says nothing';
COMMENT ON COLUMN outbound_buckets.paused_until IS 'Telegram has asked for silence until then';

-- Take for all wishes that can be carried out now, in their order; give for each 0 or the seconds
-- after which it is worth asking again. `p_needs` is how much must be in the bucket of the bot for
-- each; `p_answers` were sent already: they empty the bucket and never more than that. Whoever
-- asks while nothing can be had only reads. All takes of a bot wait for its row, and hold it for
-- this one statement.
CREATE FUNCTION take_outbound(
    p_bot_id bigint, p_chats bigint [], p_needs double precision [], p_answers integer,
    p_refill_s double precision, p_burst double precision,
    p_chat_refill_s double precision, p_chat_burst double precision,
    p_group_refill_s double precision, p_group_burst double precision
) RETURNS double precision [] LANGUAGE plpgsql AS $$
DECLARE
    v_bot outbound_buckets%ROWTYPE;
    v_chat outbound_buckets%ROWTYPE;
    v_now timestamptz := clock_timestamp();
    v_missing double precision;
    v_in_chat double precision;
    v_refill_s double precision;
    v_burst double precision;
    v_wait_s double precision;
    v_pause_s double precision;
    v_waits_s double precision [] := '{}';
BEGIN
    SELECT * INTO v_bot FROM outbound_buckets WHERE bot_id = p_bot_id AND chat_id = 0;
    IF NOT FOUND THEN
        INSERT INTO outbound_buckets (bot_id, chat_id, full_at) VALUES (p_bot_id, 0, v_now)
        ON CONFLICT DO NOTHING;
    ELSIF p_answers = 0 THEN
        v_missing := greatest(0, EXTRACT(epoch FROM v_bot.full_at - v_now)) / p_refill_s;
        v_pause_s := coalesce(EXTRACT(epoch FROM v_bot.paused_until - v_now), 0);
        IF v_pause_s > 0 OR p_burst - v_missing < (SELECT min(need) FROM unnest(p_needs) AS need) THEN
            RETURN array(
                SELECT greatest(v_pause_s, (need - (p_burst - v_missing)) * p_refill_s)
                FROM unnest(p_needs) WITH ORDINALITY AS wish (need, place) ORDER BY place
            );
        END IF;
    END IF;

    SELECT * INTO v_bot FROM outbound_buckets WHERE bot_id = p_bot_id AND chat_id = 0 FOR UPDATE;
    v_now := clock_timestamp();
    v_missing := greatest(0, EXTRACT(epoch FROM v_bot.full_at - v_now)) / p_refill_s;
    v_missing := greatest(v_missing, least(p_burst, v_missing + p_answers));
    v_pause_s := coalesce(EXTRACT(epoch FROM v_bot.paused_until - v_now), 0);
    FOR place IN 1 .. cardinality(p_chats) LOOP
        v_wait_s := greatest(v_pause_s, (p_needs[place] - (p_burst - v_missing)) * p_refill_s);
        IF v_wait_s <= 0 AND p_chats[place] <> 0 THEN
            v_refill_s := CASE WHEN p_chats[place] < 0 THEN p_group_refill_s ELSE p_chat_refill_s END;
            v_burst := CASE WHEN p_chats[place] < 0 THEN p_group_burst ELSE p_chat_burst END;
            SELECT * INTO v_chat FROM outbound_buckets
            WHERE bot_id = p_bot_id AND chat_id = p_chats[place];
            v_in_chat := greatest(0, coalesce(EXTRACT(epoch FROM v_chat.full_at - v_now), 0))
                / v_refill_s;
            v_wait_s := greatest(
                coalesce(EXTRACT(epoch FROM v_chat.paused_until - v_now), 0),
                (1 - (v_burst - v_in_chat)) * v_refill_s
            );
            IF v_wait_s <= 0 THEN
                INSERT INTO outbound_buckets AS b (bot_id, chat_id, full_at)
                VALUES (
                    p_bot_id, p_chats[place], v_now + make_interval(secs => (v_in_chat + 1) * v_refill_s)
                )
                ON CONFLICT (bot_id, chat_id) DO UPDATE SET full_at = excluded.full_at;
            END IF;
        END IF;
        IF v_wait_s <= 0 THEN
            v_missing := v_missing + 1;
        END IF;
        v_waits_s := v_waits_s || greatest(0, v_wait_s);
    END LOOP;
    UPDATE outbound_buckets SET full_at = v_now + make_interval(secs => v_missing * p_refill_s)
    WHERE bot_id = p_bot_id AND chat_id = 0;
    RETURN v_waits_s;
END
$$;

-- Telegram asked for silence after a call in a chat (0: a call without one), and does not say whom
-- it means. The first time the chat is silent; when another chat is asked for the same meanwhile,
-- the whole bot is. Tells whether it is.
CREATE FUNCTION pause_outbound(
    p_bot_id bigint, p_chat_id bigint, p_for_s double precision
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_until timestamptz;
    v_whole boolean;
BEGIN
    INSERT INTO outbound_buckets (bot_id, chat_id, full_at) VALUES (p_bot_id, 0, clock_timestamp())
    ON CONFLICT DO NOTHING;
    PERFORM FROM outbound_buckets WHERE bot_id = p_bot_id AND chat_id = 0 FOR UPDATE;
    v_until := clock_timestamp() + make_interval(secs => p_for_s);
    v_whole := p_chat_id = 0 OR EXISTS (
        SELECT FROM outbound_buckets
        WHERE bot_id = p_bot_id AND chat_id NOT IN (0, p_chat_id) AND paused_until > clock_timestamp()
    );
    INSERT INTO outbound_buckets AS b (bot_id, chat_id, full_at, paused_until)
    VALUES (p_bot_id, p_chat_id, clock_timestamp(), v_until)
    ON CONFLICT (bot_id, chat_id) DO UPDATE SET paused_until = greatest(b.paused_until, v_until);
    IF v_whole THEN
        UPDATE outbound_buckets SET paused_until = greatest(paused_until, v_until)
        WHERE bot_id = p_bot_id AND chat_id = 0;
    END IF;
    RETURN v_whole;
END
$$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_bot') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON outbound_buckets TO neurocards_bot;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_worker') THEN
        GRANT SELECT, INSERT, UPDATE ON outbound_buckets TO neurocards_worker;
    END IF;
END
$$;
