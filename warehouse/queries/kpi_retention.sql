-- How often, when it was looked, did a store hold nothing older than allowed? The last look of each day counts.
WITH latest AS (
    SELECT
        day,
        store,
        kept_to
    FROM retention_proofs
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
    ORDER BY proved_at DESC
    LIMIT 1 BY day, store
)

SELECT
    count() AS looks,
    uniqExact(day) AS days_looked,
    countIf(kept_to = 0) AS kept_too_long,
    if(looks = 0, NULL, 100 * (looks - kept_too_long) / looks) AS retention_rate
FROM latest;
