-- $1 from, $2 to: the moments between which the video was there
SELECT EXTRACT(epoch FROM coalesce(finished_at, now()) - delivery_began_at)::double precision AS seconds,
    finished_at IS NOT NULL AS ended, status = 'done' AND undelivered_at IS NULL AS delivered
FROM jobs WHERE delivery_began_at BETWEEN $1 AND $2;
