-- Operations by hand: what people do beside the product. Each deed is a function with the owner's
-- rights that leaves a row about who did what and what came of it; a role may call these functions
-- and read what it needs, and nothing else.

ALTER TABLE jobs ADD COLUMN claimed_at timestamptz;
COMMENT ON COLUMN jobs.claimed_at IS 'when the current attempt began';

CREATE FUNCTION note_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.claimed_at := now();
    RETURN NEW;
END
$$;
CREATE TRIGGER jobs_note_claim BEFORE UPDATE OF attempt ON jobs
    FOR EACH ROW WHEN (NEW.attempt > OLD.attempt) EXECUTE FUNCTION note_claim();

CREATE TABLE operations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    login text NOT NULL DEFAULT session_user,
    action text NOT NULL,
    arguments jsonb NOT NULL,
    result text NOT NULL
);
COMMENT ON TABLE operations IS 'append-only: every operation by hand';
COMMENT ON COLUMN operations.actor IS 'who says that he did it; login is what the server knows';
CREATE INDEX idx_operations_at ON operations USING brin (at);

CREATE FUNCTION refuse_operations_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the record of operations is append-only';
END
$$;
CREATE TRIGGER operations_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON operations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_operations_change();

CREATE FUNCTION note_operation(p_actor text, p_action text, p_arguments jsonb, p_result text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_id bigint;
BEGIN
    IF pg_column_size(p_arguments) > 8192 THEN
        RAISE EXCEPTION 'the arguments of an operation are limited to 8 KiB';
    END IF;
    INSERT INTO operations (actor, action, arguments, result)
    VALUES (left(p_actor, 100), left(p_action, 100), p_arguments, left(p_result, 1000))
    RETURNING id INTO v_id;
    RETURN v_id;
END
$$;

-- Give a user credits, or take some back that were given by mistake; once per request id. `outcome`
-- is granted | repeated | no_user | other_request (the id stands for something else) | too_low.
CREATE FUNCTION grant_credits(
    p_actor text, p_request_id text, p_tg_user_id bigint, p_credits bigint, p_reason text
) RETURNS TABLE (outcome text, balance bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_key text := 'grant:' || p_request_id;
    v_balance bigint;
    v_outcome text;
BEGIN
    IF p_credits NOT BETWEEN -100000 AND 100000 OR p_request_id = '' OR length(p_request_id) > 100
    THEN
        RAISE EXCEPTION 'a grant is of 100000 credits at most, under a request id';
    END IF;
    SELECT users.balance INTO v_balance FROM users WHERE tg_user_id = p_tg_user_id FOR UPDATE;
    IF NOT FOUND THEN
        v_outcome := 'no_user';
    ELSIF EXISTS (
        SELECT FROM ledger
        WHERE key = v_key AND account = 'user:' || p_tg_user_id AND amount = p_credits
    ) THEN
        v_outcome := 'repeated';
    ELSIF EXISTS (SELECT FROM ledger WHERE key = v_key) THEN
        v_outcome := 'other_request';
    ELSIF v_balance + p_credits < 0 THEN
        v_outcome := 'too_low';
    ELSE
        PERFORM book_credits(p_tg_user_id, 'grant', p_credits, v_key);
        v_balance := v_balance + p_credits;
        v_outcome := 'granted';
    END IF;
    PERFORM note_operation(p_actor, 'user.grant', jsonb_build_object(
        'user', p_tg_user_id, 'credits', p_credits, 'request_id', p_request_id, 'reason', p_reason
    ), v_outcome);
    RETURN QUERY SELECT v_outcome, v_balance;
END
$$;

-- Cancel a job for its user and give the credits back; legal as long as he could do it himself.
-- `outcome` is cancelled | cancelled_before | too_late | no_job. The user is told by a worker.
CREATE FUNCTION cancel_job_by_hand(p_actor text, p_id uuid)
RETURNS TABLE (outcome text, status text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_user bigint;
    v_pool text;
    v_status text;
    v_refunded boolean;
    v_outcome text := 'no_job';
BEGIN
    SELECT tg_user_id, pool INTO v_user, v_pool FROM jobs WHERE id = p_id;
    IF FOUND THEN
        SELECT cancelled.status, cancelled.refunded INTO v_status, v_refunded
        FROM cancel_job(p_id, v_user) AS cancelled;
        v_outcome := CASE
            WHEN v_refunded THEN 'cancelled'
            WHEN v_status = 'cancelled' THEN 'cancelled_before'
            ELSE 'too_late'
        END;
    END IF;
    IF v_refunded THEN
        UPDATE jobs SET told_at = NULL, enqueued_at = now() WHERE id = p_id;
        INSERT INTO outbox (job_id, pool) VALUES (p_id, v_pool);
    END IF;
    PERFORM note_operation(
        p_actor, 'jobs.cancel', jsonb_build_object('job', p_id), v_outcome
    );
    RETURN QUERY SELECT v_outcome, v_status;
END
$$;

-- Try a job again. One that waits is due at once; a video that could not be shown is brought again;
-- a failed or cancelled order, which was refunded, is ordered anew under p_new_id, once: paid for
-- by the user, or by the house, which grants him the price. `outcome` is due | under_way | deliver |
-- delivered | ordered | ordered_before | no_credit | no_job.
CREATE FUNCTION retry_job_by_hand(
    p_actor text, p_id uuid, p_new_id uuid, p_house_pays boolean, p_deadline interval
) RETURNS TABLE (outcome text, job_id uuid) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_job jobs%ROWTYPE;
    v_draft uuid := md5('retry:' || p_id)::uuid;
    v_outcome text;
    v_order uuid;
BEGIN
    SELECT * INTO v_job FROM jobs WHERE id = p_id FOR UPDATE;
    IF NOT FOUND THEN
        v_outcome := 'no_job';
    ELSIF v_job.status = 'queued' AND v_job.retry_at > now() THEN
        UPDATE jobs SET retry_at = now(), enqueued_at = now() WHERE id = p_id;
        INSERT INTO outbox (job_id, pool) VALUES (p_id, v_job.pool);
        v_outcome := 'due';
    ELSIF v_job.status NOT IN ('done', 'failed', 'cancelled') THEN
        v_outcome := 'under_way';
    ELSIF v_job.status = 'done' AND v_job.undelivered_at IS NULL THEN
        v_outcome := 'delivered';
    ELSIF v_job.status = 'done' THEN
        UPDATE jobs SET status = 'queued', finished_at = NULL, undelivered_at = NULL,
            retry_at = NULL, deadline_at = now() + p_deadline, enqueued_at = now()
        WHERE id = p_id;
        INSERT INTO outbox (job_id, pool) VALUES (p_id, v_job.pool);
        v_outcome := 'deliver';
    ELSE
        INSERT INTO drafts (
            id, bot_id, tg_user_id, chat_id, message_id, photo_file_id, caption, template_id,
            options, price_credits, language
        ) VALUES (
            v_draft, v_job.bot_id, v_job.tg_user_id, v_job.chat_id, v_job.status_message_id,
            v_job.photo_file_id, v_job.caption, v_job.template_id, v_job.options,
            v_job.price_credits, v_job.language
        ) ON CONFLICT DO NOTHING;
        IF p_house_pays AND EXISTS (
            SELECT FROM drafts WHERE id = v_draft AND drafts.job_id IS NULL
        ) THEN
            PERFORM book_credits(
                v_job.tg_user_id, 'grant', v_job.price_credits, 'grant:retry:' || p_id
            );
        END IF;
        -- No update of a bot has this number: it stands for whoever works by hand.
        SELECT accepted.outcome, accepted.job_id INTO v_outcome, v_order
        FROM create_job_and_consume_credit(
            v_job.bot_id, -1, v_draft, p_new_id, v_job.tg_user_id, v_job.chat_id,
            v_job.status_message_id, v_job.pool, p_deadline
        ) AS accepted;
        v_outcome := CASE v_outcome
            WHEN 'created' THEN 'ordered'
            WHEN 'exists' THEN 'ordered_before'
            ELSE v_outcome
        END;
    END IF;
    PERFORM note_operation(p_actor, 'jobs.retry', jsonb_build_object(
        'job', p_id, 'house_pays', p_house_pays, 'ordered', v_order
    ), v_outcome);
    RETURN QUERY SELECT v_outcome, v_order;
END
$$;

-- Take jobs away from workers that have held them for too long and give them to the others. It is
-- a hand-over: the stored steps stay, a render is gone on with, and no try is counted.
CREATE FUNCTION requeue_stuck_jobs(p_actor text, p_older_than interval, p_limit integer)
RETURNS TABLE (job_id uuid, status text, attempt integer, worker text, claimed_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_ids uuid[];
BEGIN
    SELECT coalesce(array_agg(stuck.id), '{}') INTO v_ids FROM (
        SELECT id FROM jobs
        WHERE jobs.status IN ('scripting', 'submitting', 'rendering', 'fetching', 'delivering')
            AND coalesce(jobs.claimed_at, started_at, created_at) <= now() - p_older_than
            -- One that was handed over moments ago waits for a worker already.
            AND (leased_by IS NOT NULL OR enqueued_at <= now() - interval '1 minute')
        ORDER BY id LIMIT p_limit FOR UPDATE SKIP LOCKED
    ) AS stuck;
    RETURN QUERY SELECT id, jobs.status, jobs.attempt, leased_by,
        coalesce(jobs.claimed_at, started_at)
    FROM jobs WHERE id = ANY (v_ids) ORDER BY id;
    UPDATE jobs SET lease_until = least(lease_until, now()), leased_by = NULL, enqueued_at = now()
    WHERE id = ANY (v_ids);
    INSERT INTO outbox (job_id, pool) SELECT id, pool FROM jobs WHERE id = ANY (v_ids);
    PERFORM note_operation(p_actor, 'jobs.requeue_stuck', jsonb_build_object(
        'older_than_s', EXTRACT(epoch FROM p_older_than), 'limit', p_limit
    ), cardinality(v_ids) || ' jobs');
END
$$;

-- Announce every job that is due to the broker again, but for those that just were; tell how many.
CREATE FUNCTION republish_due_jobs(p_actor text, p_limit integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    v_count integer;
BEGIN
    WITH due AS (
        SELECT id FROM jobs
        WHERE status NOT IN ('done', 'failed', 'cancelled')
            AND coalesce(lease_until, retry_at, created_at) <= now()
            AND enqueued_at < now() - interval '10 seconds'
        ORDER BY id LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), marked AS (
        UPDATE jobs SET enqueued_at = now() FROM due WHERE jobs.id = due.id
        RETURNING jobs.id, jobs.pool
    ), enqueued AS (
        INSERT INTO outbox (job_id, pool) SELECT id, pool FROM marked ORDER BY id
    )
    SELECT count(*) INTO v_count FROM marked;
    PERFORM note_operation(
        p_actor, 'jobs.republish', jsonb_build_object('limit', p_limit), v_count || ' jobs'
    );
    RETURN v_count;
END
$$;

-- End the rest of some keys (NULL: of all) and let the jobs try that wait for one.
CREATE FUNCTION unblock_provider_keys(p_actor text, p_fingerprints text[], p_reasons text[])
RETURNS TABLE (fingerprint text, reason text, blocked_until timestamptz, woken integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_blocked jsonb;
    v_woken integer := 0;
    v_count integer;
BEGIN
    SELECT coalesce(jsonb_agg(to_jsonb(k) ORDER BY k.fingerprint), '[]') INTO v_blocked
    FROM (
        SELECT keys.fingerprint, keys.reason, keys.blocked_until FROM provider_keys AS keys
        WHERE keys.blocked_until > now()
            AND (p_fingerprints IS NULL OR keys.fingerprint = ANY (p_fingerprints))
        FOR UPDATE
    ) AS k;
    IF jsonb_array_length(v_blocked) > 0 THEN
        UPDATE provider_keys AS keys SET blocked_until = NULL, reason = NULL
        FROM jsonb_to_recordset(v_blocked) AS blocked (fingerprint text)
        WHERE keys.fingerprint = blocked.fingerprint;
        LOOP
            v_count := wake_parked_jobs(p_reasons, 500);
            v_woken := v_woken + v_count;
            EXIT WHEN v_count < 500;
        END LOOP;
    END IF;
    PERFORM note_operation(
        p_actor, 'keys.unblock', jsonb_build_object('keys', coalesce(p_fingerprints, '{all}')),
        format('%s keys, %s jobs', jsonb_array_length(v_blocked), v_woken)
    );
    RETURN QUERY SELECT blocked.fingerprint, blocked.reason, blocked.blocked_until, v_woken
    FROM jsonb_to_recordset(v_blocked)
        AS blocked (fingerprint text, reason text, blocked_until timestamptz);
END
$$;

-- Forget what is only of use for a while; tell how many rows.
CREATE FUNCTION forget_key_events(p_actor text, p_older_than interval) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    v_count integer;
BEGIN
    IF p_older_than < interval '7 days' THEN
        RAISE EXCEPTION 'the events of the last seven days are kept';
    END IF;
    DELETE FROM provider_key_events WHERE at < now() - p_older_than;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    PERFORM note_operation(p_actor, 'maintenance.key_events', jsonb_build_object(
        'older_than_s', EXTRACT(epoch FROM p_older_than)
    ), v_count || ' rows');
    RETURN v_count;
END
$$;

DO $$
DECLARE
    v_function regproc;
    v_deeds regproc[] := ARRAY[
        'note_operation', 'grant_credits', 'cancel_job_by_hand', 'retry_job_by_hand',
        'requeue_stuck_jobs', 'republish_due_jobs', 'unblock_provider_keys', 'forget_key_events'
    ]::regproc[];
    v_table text;
    v_seen text := (
        -- What an order is about is nobody's business here.
        SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
        WHERE attrelid = 'jobs'::regclass AND attnum > 0 AND NOT attisdropped
            AND attname NOT IN ('caption', 'photo_file_id', 'options', 'script')
    );
BEGIN
    FOREACH v_function IN ARRAY v_deeds LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp',
            v_function, current_schema()
        );
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', v_function);
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_ops')
        AND (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user)
    THEN
        BEGIN
            CREATE ROLE neurocards_ops NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- Roles belong to the whole server: another database was faster.
        END;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_ops') THEN
        EXECUTE format('GRANT SELECT (%s) ON jobs TO neurocards_ops', v_seen);
        GRANT SELECT (id) ON jobs_default TO neurocards_ops;
        GRANT SELECT ON users, ledger, outbox, provider_accounts, provider_keys,
            provider_key_events, operations, scaling_decisions TO neurocards_ops;
        FOREACH v_function IN ARRAY v_deeds LOOP
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO neurocards_ops', v_function);
        END LOOP;
        GRANT EXECUTE ON FUNCTION ensure_job_partitions TO neurocards_ops;
        IF to_regclass('schema_migrations') IS NOT NULL THEN
            GRANT SELECT ON schema_migrations TO neurocards_ops;
        END IF;
        -- Before PostgreSQL 17 only the owner may tidy a table up.
        IF current_setting('server_version_num')::integer >= 170000 THEN
            FOR v_table IN
                SELECT quote_ident(relname) FROM pg_class
                WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
            LOOP
                EXECUTE format('GRANT MAINTAIN ON %s TO neurocards_ops', v_table);
            END LOOP;
        END IF;
    END IF;
END
$$;
