-- How many different people were seen in each zone (zone_id empty: on the whole estate) each day, and how often each?
SELECT
    day,
    zone_id,
    unique_visitors,
    returning_visitors,
    passes,
    passes / unique_visitors AS passes_per_visitor
FROM visitor_counts
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
ORDER BY
    day,
    zone_id;
