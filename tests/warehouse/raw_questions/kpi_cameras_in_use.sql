-- On the days that have camera health, what share of the site's cameras was online for at least half of all minutes?
WITH days AS (
    SELECT
        day,
        dateDiff('minute', toDateTime(day, {tz:String}), toDateTime(day + 1, {tz:String})) AS day_minutes
    FROM camera_minutes
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
    GROUP BY day
),

by_camera AS (
    SELECT
        camera_id,
        countIf(online = 1) AS minutes
    FROM camera_minutes
    WHERE
        estate_id = {estate:String}
        AND day BETWEEN {first:Date} AND {last:Date}
        AND camera_id IN {cameras:Array(String)}
    GROUP BY camera_id
)

SELECT
    length({cameras:Array(String)}) AS cameras,
    countIf(2 * minutes >= (SELECT sum(day_minutes) FROM days)) AS cameras_in_use,
    if(count() = 0, NULL, 100 * cameras_in_use / cameras) AS in_use_rate
FROM by_camera;
