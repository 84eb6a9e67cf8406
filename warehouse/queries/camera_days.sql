-- On which days did each camera send anything?
SELECT DISTINCT
    camera_id,
    day
FROM camera_sequences
WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
ORDER BY
    camera_id,
    day;
