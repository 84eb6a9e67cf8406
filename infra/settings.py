"""Settings: environment variables `ANFANG_*`, then the file `anfang.toml`, then these defaults.

Addresses of Kafka and ClickHouse may be left empty: then the local stack's own are taken from its state file, which
`anfang up` writes. Passwords are never settings: they lie in `home/secrets/NAME`, generated on first start, mode 0600.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec
from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from infra.errors import UserError

SITES = Path(__file__).parent / "sites"
SMALL_SITE = SITES / "small.yaml"
FULL_SITE = SITES / "tianjiaocheng.yaml"
SETTINGS_FILE = "anfang.toml"


class Settings(BaseSettings):
    """Everything a deployment may choose."""

    model_config = SettingsConfigDict(
        env_prefix="ANFANG_",
        toml_file=SETTINGS_FILE,
        frozen=True,
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    home: Path = Field(Path(".anfang"), description="data, logs, secrets and process ids of the local stack")
    cache: Path = Field(
        Path.home() / ".cache" / "anfang",
        description="downloaded parts (Kafka, ClickHouse, fonts), shared by checkouts",
    )
    site: Path = Field(SMALL_SITE, description="the site file of the estate")
    weights: Path | None = Field(None, description="detector weights for `anfang produce video` (vision extra)")

    kafka: str = Field("", description="bootstrap address host:port; empty: the local stack's")
    topic_prefix: str = Field("", description="put before every topic name", pattern=r"^[a-z0-9_.-]*$")
    partitions: int = Field(4, ge=1, le=1000, description="partitions of every topic")
    replication_factor: int = Field(1, ge=1, le=5, description="replicas of every topic")
    keep_all_history: bool = Field(
        False, description="topics without time retention: for replaying the past (demo, tests)"
    )

    spool_mb: int = Field(
        512, ge=1, description="what live cameras may keep on disk while Kafka is away, MB for each process"
    )

    clickhouse_host: str = Field("", description="ClickHouse host; empty: the local stack's")
    clickhouse_port: int = Field(9000, ge=1, le=65535, description="native TCP port, used with clickhouse_host")
    clickhouse_http_port: int = Field(
        8123, ge=1, le=65535, description="HTTP port, used with clickhouse_host (the nightly's rows, Superset)"
    )
    clickhouse_database: str = Field(
        "anfang", pattern=r"^anfang[a-z0-9_]*$", description="database; must begin with anfang"
    )

    web_url: str = Field(
        "",
        pattern=r"^(https?://[^/\s]+(/[^\s]*)?)?$",
        description="where people reach `anfang web`, e.g. https://guard.example.com; one-tap links begin with it",
    )

    webhook_hosts: str = Field(
        "", description="hosts, with commas between, that webhooks may reach by http and at private addresses"
    )
    smtp_host: str = Field("", description="mail server for alerts by e-mail; empty: none")
    smtp_port: int = Field(587, ge=1, le=65535, description="its port")
    smtp_security: Literal["starttls", "tls", "none"] = Field("starttls", description="how the way there is encrypted")
    smtp_user: str = Field("", description="who logs in there (password: secret smtp_password); empty: nobody")
    smtp_from: str = Field("", description="the sender's address")

    report_signature: Literal["ed25519", "sm2"] = Field(
        "ed25519", description="how reports are signed; sm2 (GM/T 0003) needs the program openssl, 3.0 or later"
    )

    superset_embed_origins: str = Field(
        "",
        pattern=r"^(https?://[a-zA-Z0-9.:\[\]-]+( |$))*$",
        description="origins such as https://office.example, with spaces, whose pages may show embedded dashboards",
    )

    grace_minutes: int = Field(
        5, ge=0, le=1440, description="how late an event may be and still correct what was published"
    )
    nightly_grace_minutes: int = Field(
        60, ge=0, le=1440, description="how far past midnight the nightly reads for the day"
    )
    nightly_time: str = Field(
        "02:15",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        description="local time of the nightly in `anfang schedule`; later than nightly_grace_minutes past midnight",
    )
    nightly_again_days: int = Field(7, ge=1, le=400, description="how many days `anfang schedule` looks back over")
    archive: Path | None = Field(
        None, description="folder of the raw records' archive, shared by Spark's workers; empty: home/archive"
    )
    archive_days: int = Field(30, ge=0, le=3650, description="local days for which raw records are archived; 0: none")
    poison_limit: float = Field(
        0.5, gt=0, le=1, description="share of refused records at which a worker stops; 1: never"
    )
    session_timeout_s: float = Field(
        15.0, ge=1, le=300, description="a worker that gives no sign of life for so long loses its partitions"
    )
    worker: str = Field(
        "",
        pattern=r"^[a-zA-Z0-9_.-]*$",
        description="name of this stream worker, its own in its group: started again it has its partitions at once",
    )
    log_format: Literal["console", "json"] = Field("console", description="logs for people or for machines")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the settings file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def as_environment(self) -> dict[str, str]:
        """The ANFANG_* variables that give a child process these settings."""
        values = self.model_dump(mode="json", exclude_none=True)
        return {f"ANFANG_{name.upper()}": str(value) for name, value in values.items()}

    def archive_folder(self) -> Path:
        """Where raw records are archived."""
        return (self.archive or self.home / "archive").absolute()

    def stack_state(self) -> "StackState":
        """Where the local stack listens. Raises UserError when it was never started."""
        path = self.home / "stack.json"
        if not path.exists():
            raise UserError(f"no local stack is running (no {path})", "start it with `anfang up`")
        return msgspec.json.decode(path.read_bytes(), type=StackState)

    def kafka_address(self) -> str:
        """Bootstrap address host:port of Kafka."""
        return self.kafka or f"127.0.0.1:{self.stack_state().kafka_port}"

    def clickhouse_address(self) -> tuple[str, int]:
        """Host and native port of ClickHouse."""
        if self.clickhouse_host:
            return self.clickhouse_host, self.clickhouse_port
        return "127.0.0.1", self.stack_state().clickhouse_port

    def clickhouse_http_address(self) -> tuple[str, int]:
        """Host and HTTP port of ClickHouse."""
        if self.clickhouse_host:
            return self.clickhouse_host, self.clickhouse_http_port
        return "127.0.0.1", self.stack_state().clickhouse_http_port

    def secret(self, name: str) -> str:
        """The secret `name`, generated on first use (43 characters, file mode 0600 in a folder of mode 0700)."""
        folder = self.home / "secrets"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / name
        if not path.exists():
            new = folder / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
            new.touch(mode=0o600)
            new.write_text(secrets.token_urlsafe(32))
            with suppress(FileExistsError):
                path.hardlink_to(new)  # whole or not at all; another process may have been first
            new.unlink()
        return path.read_text().strip()


class StackState(msgspec.Struct, frozen=True, kw_only=True):
    """Ports of the running local stack, as written by `anfang up` to `home/stack.json`."""

    kafka_port: int
    clickhouse_port: int
    clickhouse_http_port: int


def load_settings() -> Settings:
    """Settings of this process. Raises UserError naming each bad variable or file entry."""
    try:
        return Settings()
    except ValidationError as error:
        bad = "; ".join(
            f"{'.'.join(map(str, entry['loc']))}={entry.get('input')!r}: {entry['msg']}" for entry in error.errors()
        )
        raise UserError(f"settings are wrong: {bad}", f"mend the ANFANG_* variable or {SETTINGS_FILE}") from error
