-- Bring a backup back as a database that must not exist.
RESTORE DATABASE {database:Identifier} AS {restored:Identifier} FROM File({path:String}); -- noqa: PRS
