-- A day of every camera's minutes.
INSERT INTO camera_minutes
(estate_id, day, minute, camera_id, online, fps, decode_errors, picture, clock_offset_ms)
SELECT
    {estate:String} AS estate_id,
    {day:Date} AS day,
    toDateTime({day:Date}, 'Asia/Shanghai')
    + toIntervalMinute(intDiv(number, length({cameras:Array(String)}))) AS minute,
    {cameras:Array(String)}[1 + number % length({cameras:Array(String)})] AS camera_id,
    cityHash64(number, {day:Date}) % 50 > 0 AS online,
    20 AS fps,
    0 AS decode_errors,
    'ok' AS picture,
    0 AS clock_offset_ms
FROM numbers(1440 * length({cameras:Array(String)}))
