-- How many of the site's gates let anyone pass in the period, and how many passages were there?
SELECT
    if(count() = 0, NULL, uniqExact(gate_id)) AS gates,
    count() AS passages,
    countIf(granted = 0) AS refused
FROM gate_passages
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND gate_id IN {gates:Array(String)};
