-- What is the fingerprint of each day's crossings in these loads, whatever their order?
SELECT
    day,
    hex(sum(cityHash64(event_time, crossing_id, line_id, camera_id, direction, track_id, object_class))) AS content_hash
FROM crossings
WHERE estate_id = {estate:String} AND load_id IN {loads:Array(UInt64)}
GROUP BY day
ORDER BY day;
