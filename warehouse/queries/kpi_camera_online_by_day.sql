-- Day by day, what share of the site's camera minutes was online?
SELECT
    day,
    uniqExactIf(camera_id, online_minutes > 0) AS cameras_online,
    length({cameras:Array(String)}) AS cameras,
    dateDiff('minute', toDateTime(day, {tz:String}), toDateTime(day + 1, {tz:String})) AS day_minutes,
    100 * sum(online_minutes) / (day_minutes * cameras) AS online_rate
FROM daily_cameras
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND camera_id IN {cameras:Array(String)}
GROUP BY day
ORDER BY day;
