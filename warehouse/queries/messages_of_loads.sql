-- Of how many records of each topic other than the detections were these loads made?
SELECT
    day,
    topic,
    records
FROM day_inputs
WHERE
    estate_id = {estate:String}
    AND load_id IN {loads:Array(UInt64)}
    AND topic != 'detections'
ORDER BY
    day,
    topic;
