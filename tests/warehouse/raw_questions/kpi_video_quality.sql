-- Of the minutes in which the site's cameras were online, in how many were frame rate, decoding and clock good?
SELECT
    countIf(online = 1) AS online_minutes,
    countIf(online = 1 AND fps >= {least_fps:UInt32}) AS fps_ok_minutes,
    countIf(online = 1 AND decode_errors = 0) AS decode_ok_minutes,
    countIf(online = 1 AND abs(clock_offset_ms) <= {most_clock_offset_ms:UInt32}) AS clock_ok_minutes,
    if(online_minutes = 0, NULL, 100 * fps_ok_minutes / online_minutes) AS fps_ok_rate,
    if(online_minutes = 0, NULL, 100 * decode_ok_minutes / online_minutes) AS decode_ok_rate,
    if(online_minutes = 0, NULL, 100 * clock_ok_minutes / online_minutes) AS clock_ok_rate
FROM camera_minutes
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND camera_id IN {cameras:Array(String)};
