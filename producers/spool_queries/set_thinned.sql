-- Remember how many detections of a camera were given up.
INSERT INTO thinned (camera_id, detections)
VALUES (:camera_id, :detections)
ON CONFLICT (camera_id) DO UPDATE SET detections = excluded.detections;
