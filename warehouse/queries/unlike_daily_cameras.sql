-- On which days do the days of cameras not say what the cameras' minutes say?
WITH held AS (
    SELECT
        day,
        camera_id,
        count() AS minutes,
        countIf(online = 1) AS online_minutes,
        countIf(online = 1 AND picture = 'ok') AS picture_ok_minutes,
        countIf(online = 1 AND decode_errors = 0) AS decode_ok_minutes,
        sumMapIf(map(toInt32(greatest(-1, least(65535, floor(fps)))), toUInt32(1)), online = 1) AS fps_minutes,
        sumMapIf(map(toUInt32(least(4294967295, ceil(abs(clock_offset_ms)))), toUInt32(1)), online = 1) AS clock_minutes
    FROM camera_minutes
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
    GROUP BY ALL
),

told AS (
    SELECT
        day,
        camera_id,
        minutes,
        online_minutes,
        picture_ok_minutes,
        decode_ok_minutes,
        fps_minutes,
        clock_minutes
    FROM daily_cameras
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
)

SELECT DISTINCT if(held.minutes = 0, told.day, held.day) AS local_day
FROM held
FULL OUTER JOIN told ON held.day = told.day AND held.camera_id = told.camera_id
WHERE
    held.minutes != told.minutes
    OR held.online_minutes != told.online_minutes
    OR held.picture_ok_minutes != told.picture_ok_minutes
    OR held.decode_ok_minutes != told.decode_ok_minutes
    OR mapSort(held.fps_minutes) != mapSort(told.fps_minutes)
    OR mapSort(held.clock_minutes) != mapSort(told.clock_minutes)
ORDER BY local_day;
