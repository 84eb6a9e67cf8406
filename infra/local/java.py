"""The one thing a user must bring: Java 17 or newer."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from infra.errors import UserError

MINIMUM_JAVA = 17
REMEDY = f"install Java {MINIMUM_JAVA} or newer (Debian: `apt install openjdk-17-jre-headless`) or set JAVA_HOME"


def find_java() -> Path:
    """The `java` to use: that of JAVA_HOME, else that of the PATH. Raises UserError when missing or too old."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which(str(Path(home, "bin", "java"))) if home else shutil.which("java")
    if found is None:
        raise UserError(f"no Java found ({'JAVA_HOME=' + home if home else 'not on the PATH'})", REMEDY)
    version = java_version(Path(found))
    if version < MINIMUM_JAVA:
        raise UserError(f"{found} is Java {version}, needed is {MINIMUM_JAVA} or newer", REMEDY)
    return Path(found)


def java_version(java: Path) -> int:
    """Major version that `java -version` tells; 0 when it tells none."""
    told = subprocess.run([str(java), "-version"], capture_output=True, text=True, check=False).stderr
    return major_version(told)


def major_version(told: str) -> int:
    """Major version out of the text of `java -version` ("1.8.0" is 8)."""
    match = re.search(r'version "(?:1\.)?(\d+)', told)
    return int(match.group(1)) if match else 0
