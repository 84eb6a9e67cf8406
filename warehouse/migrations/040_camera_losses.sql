-- What a camera's minutes lack: frames that came too fast to be looked at, detections given up while Kafka was away.
ALTER TABLE camera_minutes -- noqa: PRS
ADD COLUMN IF NOT EXISTS dropped UInt32 DEFAULT 0 COMMENT 'frames not looked at, for they came too fast',
ADD COLUMN IF NOT EXISTS thinned UInt32 DEFAULT 0 COMMENT 'detections given up, for the spool was full';
