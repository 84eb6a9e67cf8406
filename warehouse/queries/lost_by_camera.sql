-- Which cameras lost envelopes on which days, by the gaps in their numbers?
SELECT
    day,
    camera_id,
    sum(last_seq - first_seq + 1 - received) AS lost,
    sum(last_seq - first_seq + 1) AS expected
FROM camera_sequences
WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY day, camera_id
HAVING lost > 0
ORDER BY day, camera_id;
