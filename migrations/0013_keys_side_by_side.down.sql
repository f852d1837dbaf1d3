DROP FUNCTION take_free_provider_key(text [], interval, integer);
