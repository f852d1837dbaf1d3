-- How much each user asks of each bot: one bucket for all replicas. Its rows are written without
-- a log: a crash empties the table, and with it everybody has a full bucket again.
CREATE UNLOGGED TABLE inbound_buckets (
    bot_id bigint NOT NULL,
    tg_user_id bigint NOT NULL,
    full_at timestamptz NOT NULL,
    update_id bigint NOT NULL,
    told boolean NOT NULL DEFAULT false,
    PRIMARY KEY (bot_id, tg_user_id)
) WITH (fillfactor = 50);
COMMENT ON COLUMN inbound_buckets.full_at IS 'when all that was taken has flown back; a row of the past says nothing';
COMMENT ON COLUMN inbound_buckets.update_id IS 'what was let in last: it is let in again for nothing';
COMMENT ON COLUMN inbound_buckets.told IS 'the user knows of the limit, until the bucket is full again';

-- Let an update of a user in, or not. `outcome` is admitted | applied | refused. A refused update
-- is remembered as applied, so that nobody brings it again; `tell` is set for the first one since
-- the bucket was full, `wait_s` says when it is full again.
CREATE FUNCTION admit_update(
    p_bot_id bigint, p_update_id bigint, p_tg_user_id bigint, p_cost integer,
    p_refill interval, p_burst integer
) RETURNS TABLE (outcome text, tell boolean, wait_s double precision) LANGUAGE plpgsql AS $$
DECLARE
    v_bucket inbound_buckets%ROWTYPE;
BEGIN
    IF EXISTS (SELECT FROM updates WHERE bot_id = p_bot_id AND update_id = p_update_id) THEN
        RETURN QUERY SELECT 'applied', false, 0::double precision;
        RETURN;
    END IF;
    INSERT INTO inbound_buckets AS b (bot_id, tg_user_id, full_at, update_id)
    VALUES (p_bot_id, p_tg_user_id, now() + p_cost * p_refill, p_update_id)
    ON CONFLICT (bot_id, tg_user_id) DO UPDATE SET
        full_at = greatest(b.full_at, now()) + p_cost * p_refill,
        update_id = p_update_id,
        told = b.told AND b.full_at > now()
    WHERE b.update_id <> p_update_id
        AND greatest(b.full_at, now()) + p_cost * p_refill <= now() + p_burst * p_refill;
    IF FOUND THEN
        RETURN QUERY SELECT 'admitted', false, 0::double precision;
        RETURN;
    END IF;
    SELECT * INTO v_bucket FROM inbound_buckets
    WHERE bot_id = p_bot_id AND tg_user_id = p_tg_user_id;
    IF v_bucket.update_id = p_update_id THEN
        RETURN QUERY SELECT 'admitted', false, 0::double precision;
        RETURN;
    END IF;
    UPDATE inbound_buckets SET told = true
    WHERE bot_id = p_bot_id AND tg_user_id = p_tg_user_id AND NOT told;
    INSERT INTO updates (bot_id, update_id) VALUES (p_bot_id, p_update_id) ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT 'refused', NOT v_bucket.told,
        EXTRACT(epoch FROM v_bucket.full_at - now())::double precision;
END
$$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_bot') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON inbound_buckets TO neurocards_bot;
    END IF;
END
$$;
