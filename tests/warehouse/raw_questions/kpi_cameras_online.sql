-- On an average day that has camera health, how many cameras of each kind were online at some minute?
WITH by_day AS (
    SELECT
        day,
        uniqExactIf(camera_id, online = 1 AND camera_id IN {perimeter_cameras:Array(String)}) AS perimeter,
        uniqExactIf(camera_id, online = 1 AND camera_id IN {counting_cameras:Array(String)}) AS counting
    FROM camera_minutes
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
    GROUP BY day
)

SELECT
    count() AS days_with_health,
    100 * count() / {days:UInt32} AS health_rate,
    if(count() = 0, NULL, avg(perimeter)) AS perimeter_online,
    if(count() = 0, NULL, min(perimeter)) AS perimeter_least,
    if(count() = 0, NULL, avg(counting)) AS counting_online,
    if(count() = 0, NULL, min(counting)) AS counting_least
FROM by_day;
