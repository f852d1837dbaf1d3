-- Downloads of a finished video that broke off, so that they are not repeated for ever: from which
-- address (its fingerprint), from that one, from all of them. An older worker writes none of it.
ALTER TABLE jobs
    ADD COLUMN fetch_address text NOT NULL DEFAULT '',
    ADD COLUMN fetch_failures integer NOT NULL DEFAULT 0 CHECK (fetch_failures >= 0),
    ADD COLUMN fetch_failures_in_all integer NOT NULL DEFAULT 0
        CHECK (fetch_failures_in_all >= fetch_failures);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'neurocards_worker') THEN
        GRANT UPDATE (fetch_address, fetch_failures, fetch_failures_in_all) ON jobs
            TO neurocards_worker;
    END IF;
END
$$;
