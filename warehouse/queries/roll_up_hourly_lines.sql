-- Sum up the crossings of some loads by line, local hour, direction and class.
INSERT INTO hourly_lines -- noqa: PRS
(estate_id, day, load_id, line_id, hour, direction, object_class, crossings)
SELECT
    estate_id,
    day,
    load_id,
    line_id,
    toHour(event_time, {tz:String}) AS hour,
    direction,
    object_class,
    count() AS crossings
FROM crossings
WHERE estate_id = {estate:String} AND load_id IN {loads:Array(UInt64)}
GROUP BY ALL;
