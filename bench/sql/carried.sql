SELECT count(*) FROM jobs WHERE lease_until > now();
