"""An example of a page that shows an embedded dashboard; on the loopback, for whoever builds the real one.

A real page asks its own login who is looking and for which estate, before it gives a token.
"""

import html
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse

from dashboards.superset import server
from dashboards.superset.api import connect
from dashboards.superset.embedded import guest_token, open_to_guests
from infra.errors import UserError
from infra.local.ports import LOOPBACK
from infra.settings import Settings

HERE: Final = Path(__file__).parent


def page_app(settings: Settings, slug: str, estate: str, origin: str) -> FastAPI:
    """The page, its script and its tokens. Raises UserError where Superset would not let the page show it."""
    if origin not in settings.superset_embed_origins.split():
        raise UserError(
            f"Superset does not let {origin} show its dashboards",
            f"set ANFANG_SUPERSET_EMBED_ORIGINS={origin}, then `anfang dashboards down` and `anfang dashboards up`",
        )
    superset = server.url(settings)
    embedded = open_to_guests(connect(settings), slug, [origin])
    text = (HERE / "page.html").read_text(encoding="utf-8")
    page = text.replace("SUPERSET", html.escape(superset)).replace("EMBEDDED", html.escape(embedded))
    policy = f"default-src 'self'; style-src 'self' 'unsafe-inline'; frame-src {superset}"
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/")
    def show() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    @app.get("/page.js")
    def script() -> FileResponse:
        return FileResponse(HERE / "page.js")

    @app.get("/token")
    def token() -> dict[str, str]:
        return {"token": guest_token(connect(settings), embedded, estate)}

    return app


def serve(settings: Settings, slug: str, estate: str, port: int) -> None:
    """Serve the page until Ctrl-C."""
    app = page_app(settings, slug, estate, f"http://{LOOPBACK}:{port}")
    uvicorn.run(app, host=LOOPBACK, port=port, log_level="warning")
