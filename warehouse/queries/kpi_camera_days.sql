-- On how many camera days of the period (cameras times days) did a camera tell of itself, on how many days any camera?
SELECT
    uniqExact(camera_id, day) AS told_camera_days,
    length({cameras:Array(String)}) * {days:UInt32} AS expected_camera_days,
    uniqExact(day) AS days_with_health,
    if(expected_camera_days = 0, NULL, 100 * told_camera_days / expected_camera_days) AS camera_day_rate
FROM daily_cameras
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND camera_id IN {cameras:Array(String)};
