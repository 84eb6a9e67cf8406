"""The embedded ClickHouse engine as a process: `python -m infra.local.clickhouse_embedded LIBRARY CONFIG`.

Loads libchdb.so, starts its native and HTTP listeners and serves until it is ended. See clickhouse.py for why it needs
a terminal. The process ends with the supervisor that started it.
"""

import ctypes
import os
import signal
import sys

SERVE = (
    "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; "
    "SELECT sleepEachRow(1) FROM system.numbers FORMAT Null SETTINGS max_block_size = 1"
)
PR_SET_PDEATHSIG = 1


def main(library: str, config: str) -> int:
    """Serve until ended; returns 1 with the engine's own words on stderr when it ends by itself."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    _keeper, terminal = os.openpty()
    os.dup2(terminal, 0)
    error = _run(library, ["--interactive", "--progress=off", "--log-level=error", f"--config-file={config}"])
    sys.stderr.write(f"engine ended: {error}\n")
    return 1


def _run(library: str, options: list[str]) -> str:
    argv = [word.encode() for word in ("clickhouse", *options, "--multiquery", f"--query={SERVE}")]
    engine = ctypes.CDLL(library)
    engine.chdb_query_cmdline.restype = ctypes.c_void_p
    engine.chdb_result_error.argtypes = [ctypes.c_void_p]
    engine.chdb_result_error.restype = ctypes.c_char_p
    result = engine.chdb_query_cmdline(len(argv), (ctypes.c_char_p * len(argv))(*argv))
    error: bytes = (result and engine.chdb_result_error(result)) or b"no reason given"
    return error.decode("utf-8", "replace")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
