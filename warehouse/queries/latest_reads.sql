-- Who read person-related tables last, or was refused?
SELECT
    event_time,
    user,
    address,
    tables,
    read_rows,
    refused,
    query
FROM read_log
ORDER BY
    event_time DESC,
    query_id DESC
LIMIT {most:UInt32};
