-- Which cameras were online least, on days with camera health? Cameras that never told of themselves come first.
WITH site_cameras AS (
    SELECT arrayJoin({cameras:Array(String)}) AS camera_id
),

days AS (
    SELECT
        day,
        dateDiff('minute', toDateTime(day, {tz:String}), toDateTime(day + 1, {tz:String})) AS day_minutes
    FROM camera_minutes
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
    GROUP BY day
),

told AS (
    SELECT
        camera_id,
        countIf(online = 1) AS online_minutes,
        countIf(online = 1 AND picture != 'ok') AS bad_picture_minutes
    FROM camera_minutes
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
    GROUP BY camera_id
)

SELECT
    site_cameras.camera_id AS camera,
    told.online_minutes AS online_minutes_of_camera,
    told.bad_picture_minutes AS bad_picture_minutes_of_camera,
    100 * told.online_minutes / (SELECT sum(day_minutes) FROM days) AS online_rate
FROM site_cameras
LEFT JOIN told ON site_cameras.camera_id = told.camera_id
WHERE (SELECT count() FROM days) > 0
ORDER BY
    online_rate ASC,
    bad_picture_minutes_of_camera DESC,
    camera ASC
LIMIT 8;
