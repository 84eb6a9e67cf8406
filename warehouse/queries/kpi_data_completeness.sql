-- Of the envelopes that cameras numbered, how many arrived?
SELECT
    count() AS sequences,
    sum(received) AS received_envelopes,
    sum(last_seq - first_seq + 1) AS expected_envelopes,
    if(expected_envelopes = 0, NULL, 100 * received_envelopes / expected_envelopes) AS completeness_rate
FROM camera_sequences
WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date};
