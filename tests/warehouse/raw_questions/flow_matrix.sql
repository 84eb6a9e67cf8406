-- How many people went from which zone to which, by local day and hour? By line and way, each crossing once.
SELECT
    day,
    toHour(event_time, {tz:String}) AS hour,
    if(
        direction > 0,
        transform(line_id, {lines:Array(String)}, {from_zones:Array(String)}, ''),
        transform(line_id, {lines:Array(String)}, {to_zones:Array(String)}, '')
    ) AS from_zone,
    if(
        direction > 0,
        transform(line_id, {lines:Array(String)}, {to_zones:Array(String)}, ''),
        transform(line_id, {lines:Array(String)}, {from_zones:Array(String)}, '')
    ) AS to_zone,
    count() AS persons
FROM crossings
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND object_class = 'person'
    AND has({lines:Array(String)}, line_id)
GROUP BY
    day,
    hour,
    from_zone,
    to_zone
ORDER BY
    day,
    hour,
    from_zone,
    to_zone;
