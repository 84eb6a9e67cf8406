-- Sum up what cameras told of themselves, by camera, in some loads.
INSERT INTO daily_cameras -- noqa: PRS
(
    estate_id, day, load_id, camera_id, minutes, told_minutes, online_minutes, picture_ok_minutes, decode_ok_minutes,
    decode_errors, dropped, thinned, clock_offset_ms, picture_minutes, fps_minutes, clock_minutes
)
WITH told AS (
    SELECT
        load_id,
        uniqExact(minute) AS told_minutes
    FROM camera_minutes
    WHERE estate_id = {estate:String} AND load_id IN {loads:Array(UInt64)}
    GROUP BY load_id
)

SELECT
    cameras.estate_id AS estate_id,
    cameras.day AS day,
    cameras.load_id AS load_id,
    cameras.camera_id AS camera_id,
    count() AS minutes,
    any(told.told_minutes) AS told_minutes,
    countIf(online = 1) AS online_minutes,
    countIf(online = 1 AND picture = 'ok') AS picture_ok_minutes,
    countIf(online = 1 AND cameras.decode_errors = 0) AS decode_ok_minutes,
    sum(cameras.decode_errors) AS decode_errors,
    sum(cameras.dropped) AS dropped,
    sum(cameras.thinned) AS thinned,
    max(abs(cameras.clock_offset_ms)) AS clock_offset_ms,
    sumMapIf(map(picture, toUInt32(1)), online = 1) AS picture_minutes,
    sumMapIf(map(toInt32(greatest(-1, least(65535, floor(fps)))), toUInt32(1)), online = 1) AS fps_minutes,
    sumMapIf(
        map(toUInt32(least(4294967295, ceil(abs(cameras.clock_offset_ms)))), toUInt32(1)), online = 1
    ) AS clock_minutes
FROM camera_minutes AS cameras
INNER JOIN told ON cameras.load_id = told.load_id
WHERE cameras.estate_id = {estate:String} AND cameras.load_id IN {loads:Array(UInt64)}
GROUP BY
    estate_id,
    day,
    load_id,
    camera_id;
