-- Never run by itself: it drops every order and every credit.
DROP FUNCTION take_provider_key(text[], interval, integer);
DROP FUNCTION cancel_newest_job(bigint, bigint, bigint);
DROP FUNCTION cancel_job(uuid, bigint);
DROP FUNCTION fail_job(uuid, integer, text, text, text, text);
DROP FUNCTION create_job_and_consume_credit(
    bigint, bigint, uuid, uuid, bigint, bigint, bigint, text, interval
);
DROP FUNCTION welcome_user(bigint, bigint, text, bigint);
DROP FUNCTION book_credits(bigint, text, bigint, text, uuid);
DROP TABLE provider_keys, provider_accounts, outbox;
DROP FUNCTION ensure_job_partitions(integer, timestamptz);
DROP FUNCTION first_job_id(timestamptz);
DROP TABLE jobs, drafts, updates, dialogues, templates, ledger, users;
DROP FUNCTION guard_job_change();
DROP FUNCTION refuse_ledger_change();
