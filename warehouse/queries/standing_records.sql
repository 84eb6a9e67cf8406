-- Of how many records of each topic (of detections, valid ones) were these days made that readers see now?
SELECT
    day,
    'detections' AS topic,
    valid AS records
FROM nightly_accounting FINAL
WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
UNION ALL
SELECT
    day,
    topic,
    records
FROM day_inputs
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND topic != 'detections'
    AND load_id IN (SELECT load_id FROM nightly_accounting FINAL);
