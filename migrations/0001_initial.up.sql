-- The whole schema of the pipeline. PostgreSQL decides: everything that matters is in here, and
-- the message queue may be lost at any moment.

CREATE TABLE users (
    tg_user_id bigint PRIMARY KEY,
    language text NOT NULL DEFAULT 'ru' CHECK (language IN ('ru', 'en')),
    balance bigint NOT NULL DEFAULT 0 CHECK (balance >= 0),
    blocked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 90);
COMMENT ON COLUMN users.balance IS 'credits; a cache of the sum of the ledger account user:<tg_user_id>';

CREATE TABLE ledger (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL,
    job_id uuid,
    kind text NOT NULL CHECK (kind IN ('charge', 'refund', 'welcome', 'grant', 'purchase')),
    amount bigint NOT NULL CHECK (amount <> 0),
    key text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (key, account)
);
COMMENT ON TABLE ledger IS 'append-only double entry: the amounts of one key sum to zero';
CREATE INDEX idx_ledger_account ON ledger (account, id);
CREATE INDEX idx_ledger_job_id ON ledger (job_id) WHERE job_id IS NOT NULL;

CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: book a correction instead';
END
$$;
CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

CREATE TABLE templates (
    id text PRIMARY KEY,
    position integer NOT NULL,
    names jsonb NOT NULL,
    prompts jsonb NOT NULL,
    active boolean NOT NULL DEFAULT true
);

CREATE TABLE dialogues (
    bot_id bigint NOT NULL,
    chat_id bigint NOT NULL,
    user_id bigint NOT NULL,
    thread_id bigint NOT NULL DEFAULT 0,
    business_connection_id text NOT NULL DEFAULT '',
    destiny text NOT NULL DEFAULT 'default',
    state text,
    data jsonb NOT NULL DEFAULT '{}',
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bot_id, chat_id, user_id, thread_id, business_connection_id, destiny)
);
CREATE INDEX idx_dialogues_updated_at ON dialogues (updated_at);

CREATE TABLE updates (
    bot_id bigint NOT NULL,
    update_id bigint NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bot_id, update_id)
);
COMMENT ON TABLE updates IS 'updates that were carried out; Telegram repeats one for 24 hours at most';
CREATE INDEX idx_updates_received_at ON updates USING brin (received_at);

CREATE TABLE drafts (
    id uuid PRIMARY KEY,
    bot_id bigint NOT NULL,
    tg_user_id bigint NOT NULL,
    chat_id bigint NOT NULL,
    message_id bigint,
    photo_file_id text NOT NULL,
    caption text NOT NULL DEFAULT '',
    template_id text,
    options jsonb NOT NULL,
    price_credits integer NOT NULL CHECK (price_credits > 0),
    language text NOT NULL,
    job_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);
COMMENT ON TABLE drafts IS 'an order that is being put together; accepting it consumes it once';
CREATE INDEX idx_drafts_created_at ON drafts USING brin (created_at);

CREATE TABLE jobs (
    id uuid NOT NULL,
    tg_user_id bigint NOT NULL,
    bot_id bigint NOT NULL,
    pool text NOT NULL DEFAULT 'default',
    status text NOT NULL DEFAULT 'queued',
    previous_status text,
    attempt integer NOT NULL DEFAULT 0,
    tries smallint NOT NULL DEFAULT 0,
    lease_losses smallint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    leased_by text,
    retry_at timestamptz,
    enqueued_at timestamptz NOT NULL DEFAULT now(),
    postponed_reason text,
    template_id text NOT NULL,
    options jsonb NOT NULL,
    photo_file_id text NOT NULL,
    caption text NOT NULL DEFAULT '',
    language text NOT NULL,
    chat_id bigint NOT NULL,
    status_message_id bigint NOT NULL,
    price_credits integer NOT NULL CHECK (price_credits > 0),
    script jsonb,
    provider text,
    model text,
    provider_task_id text,
    key_fingerprint text,
    submissions smallint NOT NULL DEFAULT 0,
    orphans smallint NOT NULL DEFAULT 0,
    result_file_id text,
    error_class text,
    error_code text,
    error_text text,
    created_at timestamptz NOT NULL DEFAULT now(),
    deadline_at timestamptz NOT NULL,
    started_at timestamptz,
    scripted_at timestamptz,
    submitted_at timestamptz,
    rendering_at timestamptz,
    rendered_at timestamptz,
    fetched_at timestamptz,
    delivery_began_at timestamptz,
    finished_at timestamptz,
    cancelled_by_update bigint,
    undelivered_at timestamptz,
    fallback_sent_at timestamptz,
    parked_notice_at timestamptz,
    notice_sent_at timestamptz,
    PRIMARY KEY (id),
    CONSTRAINT jobs_status_known CHECK (status IN (
        'queued', 'scripting', 'submitting', 'rendering', 'fetching', 'delivering',
        'done', 'failed', 'cancelled'
    )),
    -- The table of legal arrows of domain/jobs.py.
    CONSTRAINT jobs_arrow_legal CHECK (
        CASE WHEN previous_status IS NULL THEN status = 'queued'
        ELSE (previous_status || ' -> ' || status) IN (
            'queued -> scripting', 'queued -> failed', 'queued -> cancelled',
            'scripting -> submitting', 'scripting -> queued', 'scripting -> failed',
            'scripting -> cancelled',
            'submitting -> rendering', 'submitting -> queued', 'submitting -> failed',
            'rendering -> fetching', 'rendering -> queued', 'rendering -> failed',
            'fetching -> delivering', 'fetching -> queued', 'fetching -> failed',
            'delivering -> done', 'delivering -> queued', 'delivering -> failed',
            'done -> queued'
        ) END
    ),
    CONSTRAINT jobs_finished_when_terminal CHECK (
        (status IN ('done', 'failed', 'cancelled')) = (finished_at IS NOT NULL)
    ),
    CONSTRAINT jobs_leased_only_while_running CHECK (
        lease_until IS NULL
        OR status IN ('scripting', 'submitting', 'rendering', 'fetching', 'delivering')
    )
) PARTITION BY RANGE (id);
COMMENT ON COLUMN jobs.attempt IS 'fencing token: +1 at every claim, never lower';
COMMENT ON COLUMN jobs.leased_by IS 'NULL with a lease that ended: handed over, not lost';
COMMENT ON COLUMN jobs.enqueued_at IS 'when its message was last put into the outbox';
COMMENT ON COLUMN jobs.delivery_began_at IS 'set: the video may stand in the chat, no blind refund';
COMMENT ON COLUMN jobs.cancelled_by_update IS 'the update of the bot that cancelled it: it cancels no other job';
COMMENT ON COLUMN jobs.tries IS 'failures that count; hand-over, lost lease and parking do not';

CREATE INDEX idx_jobs_tg_user_id ON jobs (tg_user_id, id DESC);
CREATE INDEX idx_jobs_status_created_at ON jobs (status, created_at);
CREATE INDEX idx_jobs_pool_status ON jobs (pool, status)
    WHERE status NOT IN ('done', 'failed', 'cancelled');

CREATE FUNCTION guard_job_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.attempt < OLD.attempt THEN
        RAISE EXCEPTION 'job %: attempt % is lower than %', OLD.id, NEW.attempt, OLD.attempt;
    END IF;
    IF NEW.status IS DISTINCT FROM OLD.status THEN
        IF OLD.status = 'done' AND OLD.undelivered_at IS NULL THEN
            RAISE EXCEPTION 'job %: a delivered job stays done', OLD.id;
        END IF;
        NEW.previous_status := OLD.status;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER jobs_guard BEFORE UPDATE OF status, attempt ON jobs
    FOR EACH ROW EXECUTE FUNCTION guard_job_change();

CREATE TABLE jobs_default PARTITION OF jobs DEFAULT WITH (fillfactor = 80);

-- The first id of a moment: a UUIDv7 starts with the Unix time in milliseconds, 48 bits.
CREATE FUNCTION first_job_id(p_moment timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (rpad(
    lpad(to_hex((EXTRACT(epoch FROM p_moment) * 1000)::bigint), 12, '0'), 32, '0'
))::uuid;

-- Make the partitions of this month and the next ones; tell how many were made. Rows that fell
-- into the default partition meanwhile move to where they belong. Bounded, since a process may
-- call it: nobody makes a table for every month of a century.
CREATE FUNCTION ensure_job_partitions(
    p_months_ahead integer DEFAULT 3, p_now timestamptz DEFAULT now()
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_month timestamp := date_trunc('month', p_now AT TIME ZONE 'UTC');
    v_name text;
    v_from uuid;
    v_to uuid;
    v_made integer := 0;
BEGIN
    IF p_months_ahead NOT BETWEEN 0 AND 12
        OR p_now NOT BETWEEN now() - interval '10 years' AND now() + interval '10 years'
    THEN
        RAISE EXCEPTION 'no partitions are made so far from now: % + % months', p_now, p_months_ahead;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('neurocards.ensure_job_partitions'));
    IF to_regclass('jobs_' || to_char(v_month + make_interval(months => p_months_ahead), 'YYYY_MM'))
        IS NOT NULL
    THEN
        RETURN 0;
    END IF;
    -- Nothing may fall into it between the move and the attachment, which would refuse it.
    LOCK TABLE jobs_default IN ACCESS EXCLUSIVE MODE;
    FOR i IN 0..p_months_ahead LOOP
        v_name := 'jobs_' || to_char(v_month + make_interval(months => i), 'YYYY_MM');
        CONTINUE WHEN to_regclass(v_name) IS NOT NULL;
        v_from := first_job_id((v_month + make_interval(months => i)) AT TIME ZONE 'UTC');
        v_to := first_job_id((v_month + make_interval(months => i + 1)) AT TIME ZONE 'UTC');
        EXECUTE format(
            'CREATE TABLE %I (LIKE jobs INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)'
            ' WITH (fillfactor = 80)', v_name
        );
        EXECUTE format(
            'WITH moved AS (DELETE FROM jobs_default WHERE id >= %L AND id < %L RETURNING *)'
            ' INSERT INTO %I SELECT * FROM moved', v_from, v_to, v_name
        );
        EXECUTE format(
            'ALTER TABLE jobs ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            v_name, v_from, v_to
        );
        v_made := v_made + 1;
    END LOOP;
    RETURN v_made;
END
$$;
SELECT ensure_job_partitions();

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id uuid NOT NULL,
    pool text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
COMMENT ON TABLE outbox IS 'messages to publish; a row is deleted once the broker has stored it';

CREATE TABLE provider_accounts (
    account text PRIMARY KEY,
    takes timestamptz[] NOT NULL DEFAULT '{}'
);
COMMENT ON COLUMN provider_accounts.takes IS 'when keys of this account were taken, within the window';

CREATE TABLE provider_keys (
    fingerprint text PRIMARY KEY,
    account text NOT NULL,
    blocked_until timestamptz,
    reason text,
    taken_count bigint NOT NULL DEFAULT 0,
    failure_count bigint NOT NULL DEFAULT 0,
    last_taken_at timestamptz,
    last_failure_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE provider_keys IS 'health of the provider keys, by fingerprint; never the key';

-- Book credits of a user on both accounts and in the balance. False when this key was booked
-- before: then nothing changes.
CREATE FUNCTION book_credits(
    p_tg_user_id bigint, p_kind text, p_amount bigint, p_key text, p_job_id uuid DEFAULT NULL
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger (account, job_id, kind, amount, key)
    VALUES ('user:' || p_tg_user_id, p_job_id, p_kind, p_amount, p_key)
    ON CONFLICT (key, account) DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO ledger (account, job_id, kind, amount, key)
    VALUES ('system', p_job_id, p_kind, -p_amount, p_key);
    UPDATE users SET balance = balance + p_amount, updated_at = now()
    WHERE tg_user_id = p_tg_user_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no user %', p_tg_user_id;
    END IF;
    RETURN true;
END
$$;

-- Make a user on the first call; give the welcome credits once per bot and user.
CREATE FUNCTION welcome_user(
    p_tg_user_id bigint, p_bot_id bigint, p_language text, p_credits bigint
) RETURNS TABLE (language text, balance bigint, is_new boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_is_new boolean;
BEGIN
    INSERT INTO users (tg_user_id, language) VALUES (p_tg_user_id, p_language)
    ON CONFLICT DO NOTHING;
    v_is_new := FOUND;
    IF p_credits > 0 THEN
        PERFORM book_credits(
            p_tg_user_id, 'welcome', p_credits, 'welcome:' || p_bot_id || ':' || p_tg_user_id
        );
    END IF;
    RETURN QUERY SELECT users.language, users.balance, v_is_new
    FROM users WHERE tg_user_id = p_tg_user_id;
END
$$;

-- Accept an order: draft, balance, job, ledger and message in one call and one transaction.
-- `outcome` is created | exists | no_credit | no_draft. A repeat (the same update, or a second
-- press on another device) returns the job that the first one made.
CREATE FUNCTION create_job_and_consume_credit(
    p_bot_id bigint, p_update_id bigint, p_draft_id uuid, p_job_id uuid, p_tg_user_id bigint,
    p_chat_id bigint, p_message_id bigint, p_pool text, p_deadline interval
) RETURNS TABLE (outcome text, job_id uuid, balance bigint, price_credits integer, language text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_draft drafts%ROWTYPE;
    v_balance bigint;
BEGIN
    SELECT * INTO v_draft FROM drafts
    WHERE id = p_draft_id AND tg_user_id = p_tg_user_id AND bot_id = p_bot_id
    FOR UPDATE;
    IF NOT FOUND OR v_draft.template_id IS NULL THEN
        RETURN QUERY SELECT 'no_draft', NULL::uuid, users.balance, NULL::integer, users.language
        FROM users WHERE tg_user_id = p_tg_user_id;
        RETURN;
    END IF;
    IF v_draft.job_id IS NOT NULL THEN
        INSERT INTO updates (bot_id, update_id) VALUES (p_bot_id, p_update_id)
        ON CONFLICT DO NOTHING;
        RETURN QUERY SELECT 'exists', v_draft.job_id, users.balance, v_draft.price_credits,
            v_draft.language
        FROM users WHERE tg_user_id = p_tg_user_id;
        RETURN;
    END IF;
    UPDATE users SET balance = users.balance - v_draft.price_credits, updated_at = now()
    WHERE tg_user_id = p_tg_user_id AND users.balance >= v_draft.price_credits
    RETURNING users.balance INTO v_balance;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'no_credit', NULL::uuid, users.balance, v_draft.price_credits,
            v_draft.language
        FROM users WHERE tg_user_id = p_tg_user_id;
        RETURN;
    END IF;
    INSERT INTO updates (bot_id, update_id) VALUES (p_bot_id, p_update_id) ON CONFLICT DO NOTHING;
    UPDATE drafts SET job_id = p_job_id, message_id = p_message_id, updated_at = now()
    WHERE id = p_draft_id;
    INSERT INTO jobs (
        id, tg_user_id, bot_id, pool, template_id, options, photo_file_id, caption, language,
        chat_id, status_message_id, price_credits, deadline_at
    ) VALUES (
        p_job_id, p_tg_user_id, p_bot_id, p_pool, v_draft.template_id, v_draft.options,
        v_draft.photo_file_id, v_draft.caption, v_draft.language,
        p_chat_id, p_message_id, v_draft.price_credits, now() + p_deadline
    );
    INSERT INTO ledger (account, job_id, kind, amount, key)
    VALUES
        ('user:' || p_tg_user_id, p_job_id, 'charge', -v_draft.price_credits, 'charge:' || p_job_id),
        ('system', p_job_id, 'charge', v_draft.price_credits, 'charge:' || p_job_id);
    INSERT INTO outbox (job_id, pool) VALUES (p_job_id, p_pool);
    RETURN QUERY SELECT 'created', p_job_id, v_balance, v_draft.price_credits, v_draft.language;
END
$$;

-- End a job without a video and give the credits back. False for a zombie: nothing changes.
CREATE FUNCTION fail_job(
    p_id uuid, p_attempt integer, p_status text, p_class text, p_code text, p_text text
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_user bigint;
    v_price integer;
BEGIN
    UPDATE jobs SET status = 'failed', finished_at = now(), lease_until = NULL, leased_by = NULL,
        retry_at = NULL, error_class = p_class, error_code = p_code, error_text = p_text
    WHERE id = p_id AND attempt = p_attempt AND status = p_status
        AND status NOT IN ('done', 'failed', 'cancelled')
    RETURNING tg_user_id, price_credits INTO v_user, v_price;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM book_credits(v_user, 'refund', v_price, 'refund:' || p_id, p_id);
    RETURN true;
END
$$;

-- Cancel a job of this user and give the credits back; legal until the render is submitted.
-- Tells the state of the job after the call; NULL when the user has no such job.
CREATE FUNCTION cancel_job(p_id uuid, p_tg_user_id bigint)
RETURNS TABLE (status text, refunded boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_price integer;
BEGIN
    UPDATE jobs SET status = 'cancelled', finished_at = now(), lease_until = NULL,
        leased_by = NULL, retry_at = NULL
    WHERE id = p_id AND tg_user_id = p_tg_user_id AND jobs.status IN ('queued', 'scripting')
        AND provider_task_id IS NULL AND submissions = 0
    RETURNING price_credits INTO v_price;
    IF FOUND THEN
        PERFORM book_credits(p_tg_user_id, 'refund', v_price, 'refund:' || p_id, p_id);
        RETURN QUERY SELECT 'cancelled', true;
    ELSE
        RETURN QUERY SELECT jobs.status, false FROM jobs
        WHERE id = p_id AND tg_user_id = p_tg_user_id;
    END IF;
END
$$;

-- Cancel the newest job that this user has at this bot, on behalf of one update. Brought again,
-- the update finds the job that it cancelled, and never another one. No row: there is no job.
CREATE FUNCTION cancel_newest_job(p_bot_id bigint, p_update_id bigint, p_tg_user_id bigint)
RETURNS TABLE (job_id uuid, status text, status_message_id bigint, cancelled boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_id uuid;
    v_refunded boolean;
BEGIN
    SELECT id INTO v_id FROM jobs
    WHERE tg_user_id = p_tg_user_id AND bot_id = p_bot_id AND cancelled_by_update = p_update_id
        -- Telegram repeats an update for 24 hours, and may use its number again a week later.
        AND finished_at > now() - interval '48 hours';
    IF NOT FOUND THEN
        SELECT id INTO v_id FROM jobs
        WHERE tg_user_id = p_tg_user_id AND bot_id = p_bot_id
            AND jobs.status NOT IN ('done', 'failed', 'cancelled')
        ORDER BY id DESC LIMIT 1;
        SELECT refunded INTO v_refunded FROM cancel_job(v_id, p_tg_user_id);
        IF v_refunded THEN
            UPDATE jobs SET cancelled_by_update = p_update_id WHERE id = v_id;
        END IF;
    END IF;
    RETURN QUERY SELECT id, jobs.status, jobs.status_message_id,
        jobs.status = 'cancelled' AND coalesce(cancelled_by_update = p_update_id, false)
    FROM jobs WHERE id = v_id;
END
$$;

-- Take one of the keys for one createTask, fairly over the whole fleet: the key that was taken
-- longest ago among the healthy ones whose account has room in its window. Exactly one of the
-- three answers is set. `blocked_until` may be 'infinity': no key at all.
CREATE FUNCTION take_provider_key(p_fingerprints text[], p_window interval, p_limit integer)
RETURNS TABLE (fingerprint text, wait_ms integer, blocked_until timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    -- Not now(): takers queue for the lock below, and their transactions began before it.
    v_now timestamptz;
    v_key text;
    v_account text;
    v_oldest timestamptz;
    v_until timestamptz;
BEGIN
    PERFORM 1 FROM provider_accounts
    WHERE account IN (
        SELECT k.account FROM provider_keys k WHERE k.fingerprint = ANY (p_fingerprints)
    )
    ORDER BY account FOR UPDATE;
    v_now := clock_timestamp();

    SELECT k.fingerprint, k.account INTO v_key, v_account
    FROM provider_keys k JOIN provider_accounts a USING (account)
    WHERE k.fingerprint = ANY (p_fingerprints)
        AND (k.blocked_until IS NULL OR k.blocked_until <= v_now)
        AND (SELECT count(*) FROM unnest(a.takes) t WHERE t > v_now - p_window) < p_limit
    ORDER BY k.last_taken_at NULLS FIRST, k.fingerprint LIMIT 1;
    IF FOUND THEN
        UPDATE provider_accounts SET takes = array(
            SELECT t FROM unnest(takes) t WHERE t > v_now - p_window
        ) || v_now
        WHERE account = v_account;
        UPDATE provider_keys k SET last_taken_at = v_now, taken_count = taken_count + 1,
            blocked_until = NULL, reason = NULL
        WHERE k.fingerprint = v_key;
        RETURN QUERY SELECT v_key, NULL::integer, NULL::timestamptz;
        RETURN;
    END IF;

    SELECT min((
        SELECT t FROM unnest(a.takes) t WHERE t > v_now - p_window
        ORDER BY t DESC OFFSET p_limit - 1 LIMIT 1
    )) INTO v_oldest
    FROM provider_keys k JOIN provider_accounts a USING (account)
    WHERE k.fingerprint = ANY (p_fingerprints)
        AND (k.blocked_until IS NULL OR k.blocked_until <= v_now);
    IF v_oldest IS NOT NULL THEN
        RETURN QUERY SELECT NULL::text, greatest(
            1, ceil(EXTRACT(epoch FROM v_oldest + p_window - v_now) * 1000)
        )::integer, NULL::timestamptz;
        RETURN;
    END IF;
    SELECT coalesce(min(k.blocked_until), 'infinity') INTO v_until
    FROM provider_keys k WHERE k.fingerprint = ANY (p_fingerprints);
    RETURN QUERY SELECT NULL::text, NULL::integer, v_until;
END
$$;

-- Money moves and tables are made in these functions only, with the rights of the owner of the
-- schema. Their search path is fixed: a temporary table of the caller cannot stand in for a real
-- one. By default everybody may call a function; these are for the roles that are named below.
DO $$
DECLARE
    v_function regproc;
BEGIN
    FOREACH v_function IN ARRAY ARRAY[
        'book_credits', 'welcome_user', 'create_job_and_consume_credit', 'fail_job', 'cancel_job',
        'cancel_newest_job', 'ensure_job_partitions'
    ]::regproc[] LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp',
            v_function, current_schema()
        );
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', v_function);
    END LOOP;
END
$$;

-- What each process may do. The roles are made where the migrating user may make roles; in
-- other places an administrator makes them first. Nobody may change the ledger, and no process
-- writes into it, into a balance, or into what an order costs and whose it is.
DO $$
DECLARE
    v_role text;
    v_progress text := (
        SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
        WHERE attrelid = 'jobs'::regclass AND attnum > 0 AND NOT attisdropped
            AND attname NOT IN (
                'id', 'tg_user_id', 'bot_id', 'pool', 'template_id', 'options', 'photo_file_id',
                'caption', 'language', 'chat_id', 'price_credits', 'created_at'
            )
    );
BEGIN
    IF (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) THEN
        FOREACH v_role IN ARRAY ARRAY['neurocards_bot', 'neurocards_worker', 'neurocards_operator']
        LOOP
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = v_role) THEN
                BEGIN
                    EXECUTE format('CREATE ROLE %I NOLOGIN', v_role);
                EXCEPTION WHEN duplicate_object OR unique_violation THEN
                    NULL; -- Roles belong to the whole server: another database was faster.
                END;
            END IF;
        END LOOP;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_bot') THEN
        GRANT SELECT, UPDATE (language, blocked_at, updated_at) ON users TO neurocards_bot;
        GRANT SELECT ON ledger, templates, provider_keys TO neurocards_bot;
        GRANT SELECT, INSERT, UPDATE, DELETE ON dialogues, updates, drafts TO neurocards_bot;
        GRANT SELECT ON jobs TO neurocards_bot;
        EXECUTE format('GRANT UPDATE (%s) ON jobs TO neurocards_bot', v_progress);
        GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO neurocards_bot;
        GRANT EXECUTE ON FUNCTION welcome_user, create_job_and_consume_credit, cancel_job,
            cancel_newest_job, fail_job, ensure_job_partitions TO neurocards_bot;
        IF to_regclass('schema_migrations') IS NOT NULL THEN
            GRANT SELECT ON schema_migrations TO neurocards_bot;
        END IF;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_worker') THEN
        GRANT SELECT ON jobs TO neurocards_worker;
        EXECUTE format('GRANT UPDATE (%s) ON jobs TO neurocards_worker', v_progress);
        GRANT EXECUTE ON FUNCTION fail_job TO neurocards_worker;
        -- A job that is handed over goes back into it; RETURNING and reading are the relay's.
        GRANT INSERT ON outbox TO neurocards_worker;
        GRANT SELECT ON templates TO neurocards_worker;
        GRANT SELECT, INSERT, UPDATE ON provider_keys, provider_accounts TO neurocards_worker;
        IF to_regclass('schema_migrations') IS NOT NULL THEN
            GRANT SELECT ON schema_migrations TO neurocards_worker;
        END IF;
    END IF;
END
$$;
