-- What were these days loaded from: how many records of each topic, and which (fingerprint)?
SELECT
    day,
    topic,
    records,
    fingerprint
FROM day_inputs
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
ORDER BY
    day,
    topic;
