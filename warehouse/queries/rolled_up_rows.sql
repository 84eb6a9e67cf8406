-- Does a roll-up of some loads add up to the rows that it is made of?
SELECT
    (
        SELECT sum({counted:Identifier}) FROM {table:Identifier}
        WHERE estate_id = {estate:String} AND load_id IN {loads:Array(UInt64)}
    ) AS rolled_up,
    (
        SELECT count() FROM {source:Identifier}
        WHERE estate_id = {estate:String} AND load_id IN {loads:Array(UInt64)}
    ) AS held;
