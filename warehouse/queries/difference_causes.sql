-- How many zone-minutes did stream and batch count differently on each day, by cause?
SELECT
    day,
    cause,
    count() AS minutes
FROM differences
WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY
    day,
    cause
ORDER BY
    day,
    cause;
