-- Which cameras were online least, on days with camera health? Cameras that never told of themselves come first.
WITH site_cameras AS (
    SELECT arrayJoin({cameras:Array(String)}) AS camera_id
),

days AS (
    SELECT
        day,
        dateDiff('minute', toDateTime(day, {tz:String}), toDateTime(day + 1, {tz:String})) AS day_minutes
    FROM daily_cameras
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
    GROUP BY day
),

expected AS (
    SELECT
        sum(day_minutes) AS minutes,
        count() AS days
    FROM days
),

told AS (
    SELECT
        camera_id,
        sum(daily_cameras.online_minutes) AS online_minutes,
        sum(daily_cameras.online_minutes - picture_ok_minutes) AS bad_picture_minutes
    FROM daily_cameras
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
    GROUP BY camera_id
)

SELECT
    site_cameras.camera_id AS camera,
    told.online_minutes AS online_minutes_of_camera,
    told.bad_picture_minutes AS bad_picture_minutes_of_camera,
    100 * told.online_minutes / expected.minutes AS online_rate
FROM site_cameras
CROSS JOIN expected
LEFT JOIN told ON site_cameras.camera_id = told.camera_id
WHERE expected.days > 0
ORDER BY
    online_rate ASC,
    bad_picture_minutes_of_camera DESC,
    camera ASC
LIMIT 8;
