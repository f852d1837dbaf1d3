ALTER TABLE jobs
    DROP COLUMN fetch_failures_in_all,
    DROP COLUMN fetch_failures,
    DROP COLUMN fetch_address;
