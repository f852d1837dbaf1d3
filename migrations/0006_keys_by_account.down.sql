-- The history of the keys is lost, and every key is blocked or healthy as before.
DROP FUNCTION wake_parked_jobs(text[], integer);
DROP FUNCTION register_provider_keys(text[], text[]);
DROP TRIGGER provider_keys_note_change ON provider_keys;
DROP TRIGGER provider_keys_note_added ON provider_keys;
DROP FUNCTION note_key_event();
DROP TABLE provider_key_events;
ALTER TABLE provider_keys DROP COLUMN registered_at;
