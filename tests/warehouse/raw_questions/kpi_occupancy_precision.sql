-- How wide is half the 95 % interval of the estate's occupancy, as a share of the occupancy, over all known minutes?
SELECT
    count() AS known_minutes,
    avg(occupancy) AS mean_occupancy,
    avg((high - low) / 2) AS mean_half_width,
    if(known_minutes = 0 OR mean_occupancy = 0, NULL, 100 * mean_half_width / mean_occupancy) AS half_width_rate
FROM zone_minutes
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND zone_id = {root_zone:String}
    AND coverage != 'unknown';
