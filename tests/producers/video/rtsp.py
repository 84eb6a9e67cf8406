"""A camera for tests that speaks RTSP 1.0 (RFC 2326) with digest login, and sends H.264 (RFC 6184) in its connection.

What is real: the protocol, the login, the packets. Reader is whatever OpenCV has (FFmpeg).
"""

import base64
import hashlib
import re
import socketserver
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import Final

from producers.video.source import Image

USER: Final = "me"
PASSWORD: Final = "not-in-a-log"
REALM: Final = "camera"
NONCE: Final = "1f2e3d4c"
CLOCK_HZ: Final = 90_000
FPS: Final = 25
PAYLOAD_TYPE: Final = 96
MOST_BYTES: Final = 1_400
FRAGMENT: Final = 28  # FU-A
SEQUENCE_SET: Final = 7
PICTURE_SET: Final = 8


@contextmanager
def h264_rtsp(connections: Sequence[Sequence[Image]]) -> Iterator[str]:
    """The address of a camera that plays each connection its frames and hangs up; after the last it is gone."""
    left = [encoded(images) for images in connections]

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while request := self._request():
                method, sequence, login = request
                if method == "DESCRIBE" and not right_login(login):
                    self._answer("401 Unauthorized", sequence, {"WWW-Authenticate": challenge()})
                elif method == "DESCRIBE" and not left:
                    self._answer("503 Service Unavailable", sequence, {})
                elif method == "DESCRIBE":
                    self._answer("200 OK", sequence, {"Content-Type": "application/sdp"}, description(left[0]))
                else:
                    self._answer("200 OK", sequence, MORE.get(method, {}))
                if method == "PLAY":
                    for packet in packets(left.pop(0)):
                        self.wfile.write(struct.pack("!cBH", b"$", 0, len(packet)) + packet)
                    return

        def _request(self) -> tuple[str, str, str] | None:
            lines: list[str] = []
            while (line := self.rfile.readline().decode().strip()) or not lines:
                if not line:
                    return None
                lines.append(line)
            headers = dict(line.split(": ", 1) for line in lines[1:])
            return lines[0].split()[0], headers["CSeq"], headers.get("Authorization", "")

        def _answer(self, status: str, sequence: str, headers: dict[str, str], body: str = "") -> None:
            told = {"CSeq": sequence, "Content-Length": str(len(body)), **headers}
            lines = [f"RTSP/1.0 {status}", *(f"{name}: {value}" for name, value in told.items()), "", body]
            self.wfile.write("\r\n".join(lines).encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"rtsp://{USER}:{PASSWORD}@127.0.0.1:{server.server_address[1]}/stream2"
        server.shutdown()


MORE: Final[dict[str, dict[str, str]]] = {
    "OPTIONS": {"Public": "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"},
    "SETUP": {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1", "Session": "1"},
    "PLAY": {"Session": "1", "Range": "npt=0.000-"},
}


def challenge() -> str:
    """What a camera asks for that wants a login."""
    return f'Digest realm="{REALM}", nonce="{NONCE}"'


def right_login(given: str) -> bool:
    """Whether an Authorization header answers the challenge (RFC 2069, as cameras do)."""
    told = dict(re.findall(r'(\w+)="([^"]*)"', given))
    if told.get("username") != USER:
        return False
    who, what = (_md5(part) for part in (f"{USER}:{REALM}:{PASSWORD}", f"DESCRIBE:{told.get('uri')}"))
    return told.get("response") == _md5(f"{who}:{NONCE}:{what}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def encoded(images: Sequence[Image]) -> list[list[bytes]]:
    """For each picture the units of H.264 (NAL units) that show it."""
    import av

    coder = av.CodecContext.create("libx264", "w")
    assert isinstance(coder, av.VideoCodecContext)
    coder.height, coder.width, _ = images[0].shape
    coder.pix_fmt, coder.framerate, coder.gop_size = "yuv420p", FPS, 5
    coder.options = {"tune": "zerolatency", "preset": "ultrafast"}
    shown = [coder.encode(av.VideoFrame.from_ndarray(image, format="bgr24")) for image in images]
    return [units(b"".join(map(bytes, packets))) for packets in [*shown[:-1], [*shown[-1], *coder.encode(None)]]]


def units(stream: bytes) -> list[bytes]:
    """The units between the start codes of a byte stream (H.264 Annex B)."""
    return [unit for unit in re.split(rb"\x00\x00\x00?\x01", stream) if unit]


def description(pictures: Sequence[Sequence[bytes]]) -> str:
    """What DESCRIBE says of the stream (SDP)."""
    sets = [unit for unit in pictures[0] if unit[0] & 31 in {SEQUENCE_SET, PICTURE_SET}]
    told = ",".join(base64.b64encode(one).decode() for one in sets)
    lines = [
        "v=0",
        "o=- 0 0 IN IP4 127.0.0.1",
        "s=camera",
        "t=0 0",
        f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
        f"a=rtpmap:{PAYLOAD_TYPE} H264/{CLOCK_HZ}",
        f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;sprop-parameter-sets={told}",
        "a=control:track1",
    ]
    return "".join(f"{line}\r\n" for line in lines)


def packets(pictures: Sequence[Sequence[bytes]]) -> Iterator[bytes]:
    """The RTP packets of a stream; a unit that is too large goes in fragments."""
    sequence = 0
    for number, picture in enumerate(pictures):
        payloads = [payload for unit in picture for payload in fragments(unit)]
        for place, payload in enumerate(payloads):
            last = 0x80 if place == len(payloads) - 1 else 0
            stamp = number * CLOCK_HZ // FPS
            yield struct.pack("!BBHII", 0x80, last | PAYLOAD_TYPE, sequence & 0xFFFF, stamp, 7) + payload
            sequence += 1


def fragments(unit: bytes) -> list[bytes]:
    """A unit as payloads of packets."""
    if len(unit) <= MOST_BYTES:
        return [unit]
    kind, rest = unit[0], unit[1:]
    parts = [rest[at : at + MOST_BYTES] for at in range(0, len(rest), MOST_BYTES)]
    heads = [kind & 31] * len(parts)
    heads[0] |= 0x80
    heads[-1] |= 0x40
    return [bytes([kind & 0xE0 | FRAGMENT, head]) + part for head, part in zip(heads, parts, strict=True)]
