-- Back a whole database up: ClickHouse's own format, with a checksum of each file.
BACKUP DATABASE {database:Identifier} TO File({path:String}); -- noqa: PRS
