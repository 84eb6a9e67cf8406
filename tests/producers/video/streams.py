"""Cameras for tests, over real sockets: one that accepts and never answers, and one that sends MJPEG over HTTP."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from producers.video.source import Image


@contextmanager
def silent_rtsp() -> Iterator[str]:
    """The address of a camera that takes every connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"rtsp://me:secret@127.0.0.1:{server.getsockname()[1]}/stream1"


@contextmanager
def mjpeg(connections: list[list[Image]]) -> Iterator[str]:
    """The address of a camera that gives each connection its frames and hangs up; after the last it is gone."""
    import cv2

    left = [[cv2.imencode(".jpg", image)[1].tobytes() for image in images] for images in connections]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not left:
                self.send_error(503)
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            for picture in left.pop(0):
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                self.wfile.write(head.encode() + picture + b"\r\n")

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/video.mjpg"
        server.shutdown()
