-- Nothing is lost: a bucket that is gone is a full one.
DROP FUNCTION admit_update(bigint, bigint, bigint, integer, interval, integer);
DROP TABLE inbound_buckets;
