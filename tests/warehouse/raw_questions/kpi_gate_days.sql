-- On the days with passages, on what share of gate days (gates times days) did a gate let anyone pass?
SELECT
    uniqExact(day) AS days_with_passages,
    uniqExact(gate_id, day) AS used_gate_days,
    days_with_passages * length({gates:Array(String)}) AS expected_gate_days,
    if(expected_gate_days = 0, NULL, 100 * used_gate_days / expected_gate_days) AS gate_day_rate
FROM gate_passages
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND gate_id IN {gates:Array(String)};
