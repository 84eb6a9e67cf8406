"""The camera side: from a video, through detector, tracker, zones and lines, to envelopes. See `docs/camera.md`."""
