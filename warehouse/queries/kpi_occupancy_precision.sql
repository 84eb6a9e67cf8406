-- How wide is half the 95 % interval of the estate's occupancy, as a share of the occupancy, over all known minutes?
SELECT
    sum(daily_zones.known_minutes) AS known_minutes,
    sum(occupancy_sum) / known_minutes AS mean_occupancy,
    sum(half_width_sum) / known_minutes AS mean_half_width,
    if(known_minutes = 0 OR mean_occupancy = 0, NULL, 100 * mean_half_width / mean_occupancy) AS half_width_rate
FROM daily_zones
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND zone_id = {root_zone:String};
