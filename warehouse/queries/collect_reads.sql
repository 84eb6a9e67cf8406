-- Write down who read person-related tables of this database, or was refused, as far as it is not written down yet.
INSERT INTO read_log
(day, event_time, query_id, user, address, tables, read_rows, refused, query)
SELECT
    toDate(event_time_microseconds, 'UTC') AS day,
    event_time_microseconds AS event_time,
    query_id,
    user,
    toString(address) AS address,
    arrayMap(
        name -> substring(name, length({database:String}) + 2), arrayIntersect(tables, {personal:Array(String)})
    ) AS read_tables,
    read_rows,
    exception_code = {access_denied:Int32} AS refused,
    query
FROM system.query_log
WHERE
    type != 'QueryStart'
    AND is_initial_query
    AND query_id NOT IN (SELECT query_id FROM read_log)
    AND (
        (query_kind = 'Select' AND hasAny(tables, {personal:Array(String)}))
        OR (
            exception_code = {access_denied:Int32}
            AND (current_database = {database:String} OR position(query, {database:String}) > 0)
        )
    );
