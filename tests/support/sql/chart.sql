-- What the tests of the chart ask the server of the demo.

-- name: make_database
CREATE DATABASE neurocards;

-- name: count_jobs
SELECT count(*) FROM jobs;

-- name: change_jobs
UPDATE jobs SET tries = 0;
