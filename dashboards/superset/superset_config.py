"""Superset's configuration; runs inside Superset's own environment, told where to look by ANFANG_SUPERSET_*.

Only what differs from Superset's defaults stands here. Secrets are read from files, never from the environment.
"""

import os
import re
from copy import deepcopy
from pathlib import Path

from superset.config import THEME_DARK as SUPERSET_DARK
from superset.config import THEME_DEFAULT as SUPERSET_LIGHT

os.umask(0o077)  # the metadata database holds (encrypted) passwords

HOME = Path(os.environ["ANFANG_SUPERSET_HOME"])
SECRET_KEY = Path(os.environ["ANFANG_SUPERSET_SECRET_KEY_FILE"]).read_text(encoding="utf-8").strip()
GUEST_TOKEN_JWT_SECRET = Path(os.environ["ANFANG_SUPERSET_GUEST_KEY_FILE"]).read_text(encoding="utf-8").strip()
EMBED_ORIGINS = os.environ.get("ANFANG_SUPERSET_EMBED_ORIGINS", "").split()

SQLALCHEMY_DATABASE_URI = f"sqlite:///{HOME / 'superset.db'}"
SQLALCHEMY_ENGINE_OPTIONS = {"connect_args": {"timeout": 30}}
DATA_DIR = str(HOME)
UPLOAD_FOLDER = str(HOME / "uploads") + "/"

# People: Chinese first, English by the switch in the menu.
BABEL_DEFAULT_LOCALE = "zh"
LANGUAGES = {
    "zh": {"flag": "cn", "name": "中文"},
    "en": {"flag": "us", "name": "English"},
}
APP_NAME = "anfang 安防"
CJK_FONTS = "Inter, 'Noto Sans CJK SC', 'Noto Sans SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"


def _branded(theme: dict) -> dict:
    own = deepcopy(theme)
    own["token"] |= {"brandAppName": APP_NAME, "brandLogoAlt": APP_NAME, "fontFamily": CJK_FONTS}
    return own


THEME_DEFAULT = _branded(SUPERSET_LIGHT)
THEME_DARK = _branded(SUPERSET_DARK)

# Whoever is not logged in sees nothing; nobody registers himself; guessing passwords is slow.
AUTH_USER_REGISTRATION = False
PUBLIC_ROLE_LIKE = None
RATELIMIT_ENABLED = True
RATELIMIT_STORAGE_URI = "memory://"  # one worker
RATELIMIT_APPLICATION = "1000 per second"  # a dashboard alone fetches some hundred files
AUTH_RATE_LIMITED = True
AUTH_RATE_LIMIT = "10 per minute"

WTF_CSRF_ENABLED = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
PERMANENT_SESSION_LIFETIME = 12 * 3600

# Nothing is fetched from outside: no maps, no fonts, no telemetry.
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'", "data:"],
        "script-src": ["'self'", "'strict-dynamic'"],
        "frame-ancestors": ["'self'", *EMBED_ORIGINS],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,  # on the loopback; a proxy in front of it speaks TLS
    "session_cookie_secure": False,
}

# Embedded dashboards: a guest's token is for one estate, and opens only the dashboards that it names.
GUEST_ROLE_NAME = "anfang guest"
GUEST_TOKEN_JWT_AUDIENCE = "anfang"  # noqa: S105 no secret
GUEST_CLAUSE = re.compile(r"estate_id = '[a-z0-9_]+'")


def GUEST_TOKEN_VALIDATOR_HOOK(asked: dict) -> bool:  # noqa: N802 Superset's name
    """Whether a token may be made: for one estate's rows, of every dataset."""
    rules = asked["rls"]
    return len(rules) == 1 and not rules[0].get("dataset") and bool(GUEST_CLAUSE.fullmatch(rules[0]["clause"]))


SQL_MAX_ROW = 100_000
SUPERSET_WEBSERVER_TIMEOUT = 60
SQLLAB_TIMEOUT = 60
FEATURE_FLAGS = {
    "ALERT_REPORTS": False,  # wants Celery and a mail server: docs/analyst.md
    "EMBEDDED_SUPERSET": True,
    "ENABLE_TEMPLATE_PROCESSING": False,
    "RLS_IN_SQLLAB": True,
}
