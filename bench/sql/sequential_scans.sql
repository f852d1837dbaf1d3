-- Of tables that hold something: to read an empty one from end to end is the best way.
SELECT relname, seq_scan FROM pg_stat_user_tables WHERE n_live_tup >= 500;
