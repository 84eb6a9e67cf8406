-- How many passages did each gate grant and refuse?
SELECT
    gate_id,
    sum(daily_gates.granted_passages) AS granted_passages,
    sum(passages - daily_gates.granted_passages) AS refused_passages
FROM daily_gates
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND gate_id IN {gates:Array(String)}
GROUP BY gate_id
ORDER BY gate_id;
