-- name: take_outbound
-- $1 bot, $2 chats, $3 what each needs, $4 answers, refill and burst of the bot, a chat, a group
SELECT take_outbound($1, $2::bigint[], $3::double precision[], $4, $5, $6, $7, $8, $9, $10);

-- name: pause_outbound
SELECT pause_outbound($1, $2, $3);
