-- In what share of zone minutes did the streams count the same crossings as the nightly batch?
SELECT
    count() AS zone_minutes,
    countIf(ins != batch_ins OR outs != batch_outs) AS differing_minutes,
    if(zone_minutes = 0, NULL, 100 * (zone_minutes - differing_minutes) / zone_minutes) AS agreement_rate
FROM zone_minutes
WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date};
