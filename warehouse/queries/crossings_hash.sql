-- What is the fingerprint of each day's crossings, whatever their order?
SELECT
    day,
    hex(sum(cityHash64(event_time, crossing_id, line_id, camera_id, direction, track_id, object_class))) AS content_hash
FROM {table:Identifier}
WHERE estate_id = {estate:String}
GROUP BY day
ORDER BY day;
