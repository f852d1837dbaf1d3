-- Nothing is lost: a bucket that is gone is a full one.
DROP FUNCTION pause_outbound(bigint, bigint, double precision);
DROP FUNCTION take_outbound(
    bigint, bigint [], double precision [], integer, double precision, double precision,
    double precision, double precision, double precision, double precision
);
DROP TABLE outbound_buckets;
