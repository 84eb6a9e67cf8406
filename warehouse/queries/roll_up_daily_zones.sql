-- Sum up the minutes of some loads by zone, with the highest estimate, its interval and its earliest minute.
INSERT INTO daily_zones -- noqa: PRS
(
    estate_id, day, load_id, zone_id, minutes, full_minutes, known_minutes, differing_minutes, entries, peak, peak_low,
    peak_high, peak_minute, occupancy_sum, half_width_sum
)
WITH (occupancy, -toInt64(toUnixTimestamp(minute))) AS highest
SELECT
    estate_id,
    day,
    load_id,
    zone_id,
    count() AS minutes,
    countIf(coverage = 'full') AS full_minutes,
    countIf(coverage != 'unknown') AS known_minutes,
    countIf(ins != batch_ins OR outs != batch_outs) AS differing_minutes,
    sum(batch_ins) AS entries,
    maxIf(occupancy, coverage != 'unknown') AS peak,
    argMaxIf(low, highest, coverage != 'unknown') AS peak_low,
    argMaxIf(high, highest, coverage != 'unknown') AS peak_high,
    argMaxIf(minute, highest, coverage != 'unknown') AS peak_minute,
    sumIf(occupancy, coverage != 'unknown') AS occupancy_sum,
    sumIf((high - low) / 2, coverage != 'unknown') AS half_width_sum
FROM zone_minutes
WHERE estate_id = {estate:String} AND load_id IN {loads:Array(UInt64)}
GROUP BY
    estate_id,
    day,
    load_id,
    zone_id;
