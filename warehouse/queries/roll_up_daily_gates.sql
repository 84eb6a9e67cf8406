-- Count the passages of some loads by gate.
INSERT INTO daily_gates -- noqa: PRS
(estate_id, day, load_id, gate_id, passages, granted_passages)
SELECT
    estate_id,
    day,
    load_id,
    gate_id,
    count() AS passages,
    countIf(granted = 1) AS granted_passages
FROM gate_passages
WHERE estate_id = {estate:String} AND load_id IN {loads:Array(UInt64)}
GROUP BY
    estate_id,
    day,
    load_id,
    gate_id;
