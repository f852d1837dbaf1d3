WITH events AS (DELETE FROM provider_key_events), accounts AS (DELETE FROM provider_accounts)
DELETE FROM provider_keys;
