-- In what share of zone minutes did the streams count the same crossings as the nightly batch?
SELECT
    sum(minutes) AS zone_minutes,
    sum(daily_zones.differing_minutes) AS differing_minutes,
    if(zone_minutes = 0, NULL, 100 * (zone_minutes - differing_minutes) / zone_minutes) AS agreement_rate
FROM daily_zones
WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date};
