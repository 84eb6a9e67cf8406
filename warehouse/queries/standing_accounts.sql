-- Which loads do the accounts of these days name, and how many valid envelopes did each find?
SELECT
    day,
    load_id,
    valid
FROM nightly_accounting FINAL
WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
ORDER BY day;
