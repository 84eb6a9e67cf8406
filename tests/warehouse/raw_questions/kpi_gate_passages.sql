-- How many passages did each gate grant and refuse?
SELECT
    gate_id,
    countIf(granted = 1) AS granted_passages,
    countIf(granted = 0) AS refused_passages
FROM gate_passages
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND gate_id IN {gates:Array(String)}
GROUP BY gate_id
ORDER BY gate_id;
