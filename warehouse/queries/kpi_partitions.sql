-- What content did each loaded day hold?
SELECT
    day,
    content_hash
FROM nightly_accounting FINAL
WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
ORDER BY day;
