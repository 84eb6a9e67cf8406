-- How many of the site's gates let anyone pass in the period, and how many passages were there?
SELECT
    if(count() = 0, NULL, uniqExact(gate_id)) AS gates,
    sum(daily_gates.passages) AS passages,
    sum(daily_gates.passages - granted_passages) AS refused
FROM daily_gates
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND gate_id IN {gates:Array(String)};
