-- Of the minutes in which the site's cameras were online, in how many were frame rate, decoding and clock good?
SELECT
    sum(daily_cameras.online_minutes) AS online_minutes,
    sum(
        arraySum(mapValues(mapFilter((fps, minutes) -> fps >= {least_fps:UInt32}, fps_minutes)))
    ) AS fps_ok_minutes,
    sum(daily_cameras.decode_ok_minutes) AS decode_ok_minutes,
    sum(
        arraySum(mapValues(mapFilter((off_ms, minutes) -> off_ms <= {most_clock_offset_ms:UInt32}, clock_minutes)))
    ) AS clock_ok_minutes,
    if(online_minutes = 0, NULL, 100 * fps_ok_minutes / online_minutes) AS fps_ok_rate,
    if(online_minutes = 0, NULL, 100 * decode_ok_minutes / online_minutes) AS decode_ok_rate,
    if(online_minutes = 0, NULL, 100 * clock_ok_minutes / online_minutes) AS clock_ok_rate
FROM daily_cameras
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND camera_id IN {cameras:Array(String)};
