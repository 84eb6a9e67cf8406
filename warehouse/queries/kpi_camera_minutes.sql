-- Of the minutes that the site's cameras should have been online, on days with camera health, in how many were they?
-- And with a good picture?
WITH by_day AS (
    SELECT
        day,
        dateDiff('minute', toDateTime(day, {tz:String}), toDateTime(day + 1, {tz:String})) AS day_minutes,
        sum(daily_cameras.online_minutes) AS online_day,
        sum(daily_cameras.picture_ok_minutes) AS picture_ok_day
    FROM daily_cameras
    WHERE
        estate_id = {estate:String}
        AND day BETWEEN {first:Date} AND {last:Date}
        AND camera_id IN {cameras:Array(String)}
    GROUP BY day
)

SELECT
    100 * count() / {days:UInt32} AS health_rate,
    sum(online_day) AS online_minutes,
    sum(day_minutes) * length({cameras:Array(String)}) AS expected_minutes,
    sum(picture_ok_day) AS picture_ok_minutes,
    if(expected_minutes = 0, NULL, 100 * online_minutes / expected_minutes) AS online_rate,
    if(online_minutes = 0, NULL, 100 * picture_ok_minutes / online_minutes) AS picture_ok_rate
FROM by_day;
