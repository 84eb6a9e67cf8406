-- A day of made-up crossings.
INSERT INTO crossings
(estate_id, day, event_time, crossing_id, line_id, camera_id, direction, track_id, object_class)
SELECT
    {estate:String} AS estate_id,
    {day:Date} AS day,
    toDateTime64(toDateTime({day:Date}, 'Asia/Shanghai'), 3, 'UTC')
    + toIntervalSecond(intDiv(number * 86400, {many:UInt64})) AS event_time,
    hex(cityHash64({day:Date}, number)) AS crossing_id,
    {lines:Array(String)}[1 + cityHash64(number) % length({lines:Array(String)})] AS line_id,
    {cameras:Array(String)}[1 + cityHash64(number) % length({cameras:Array(String)})] AS camera_id,
    if(cityHash64(number, 1) % 2 = 0, 1, -1) AS direction,
    number AS track_id,
    'person' AS object_class
FROM numbers({many:UInt64})
