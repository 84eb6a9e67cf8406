-- On which days do the days of zones not say what the zones' minutes say? Sums of floats may differ by the order in
-- which they were added.
WITH held AS (
    SELECT
        day,
        zone_id,
        count() AS minutes,
        countIf(coverage = 'full') AS full_minutes,
        countIf(coverage != 'unknown') AS known_minutes,
        countIf(ins != batch_ins OR outs != batch_outs) AS differing_minutes,
        sum(batch_ins) AS entries,
        maxIf((occupancy, -toInt64(toUnixTimestamp(minute)), low, high), coverage != 'unknown') AS highest,
        sumIf(occupancy, coverage != 'unknown') AS occupancy_sum,
        sumIf((high - low) / 2, coverage != 'unknown') AS half_width_sum
    FROM zone_minutes
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
    GROUP BY ALL
),

told AS (
    SELECT
        day,
        zone_id,
        minutes,
        full_minutes,
        known_minutes,
        differing_minutes,
        entries,
        (peak, -toInt64(toUnixTimestamp(peak_minute)), peak_low, peak_high) AS highest,
        occupancy_sum,
        half_width_sum
    FROM daily_zones
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
)

SELECT DISTINCT if(held.minutes = 0, told.day, held.day) AS local_day
FROM held
FULL OUTER JOIN told ON held.day = told.day AND held.zone_id = told.zone_id
WHERE
    held.minutes != told.minutes
    OR held.full_minutes != told.full_minutes
    OR held.known_minutes != told.known_minutes
    OR held.differing_minutes != told.differing_minutes
    OR held.entries != told.entries
    OR held.highest != told.highest
    OR abs(held.occupancy_sum - told.occupancy_sum) > 1e-9 * (1 + abs(held.occupancy_sum))
    OR abs(held.half_width_sum - told.half_width_sum) > 1e-9 * (1 + abs(held.half_width_sum))
ORDER BY local_day;
