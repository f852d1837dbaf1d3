-- Every take of a provider key with its time on the server's clock.

-- name: make_table_of_takes
CREATE TABLE taken_keys AS SELECT last_taken_at AS at FROM provider_keys LIMIT 0;

-- name: keep_takes
CREATE RULE keep_takes AS ON UPDATE TO provider_keys
    WHERE NEW.last_taken_at IS DISTINCT FROM OLD.last_taken_at
    DO ALSO INSERT INTO taken_keys VALUES (NEW.last_taken_at);

-- name: times_of_takes
SELECT at FROM taken_keys ORDER BY at;
