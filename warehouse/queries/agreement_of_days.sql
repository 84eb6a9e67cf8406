-- Of each loaded day's zone-minutes, how many did stream and batch count differently?
SELECT
    day,
    zone_minutes,
    differing_zone_minutes
FROM nightly_accounting FINAL
WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
ORDER BY day;
