-- Drop a scratch database.
DROP DATABASE IF EXISTS {database:Identifier} SYNC; -- noqa: PRS
