"""Commands of the report API: its keys."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from infra.clock import SystemClock
from infra.configured import configured
from infra.settings import load_settings

api = typer.Typer(name="api", help="The report API of `anfang web`.", no_args_is_help=True)
keys = typer.Typer(name="keys", help="Who may use the report API.", no_args_is_help=True)
api.add_typer(keys)


def register(app: typer.Typer) -> None:
    """Add these commands to the root command."""
    app.add_typer(api)


@keys.command()
def add(
    name: Annotated[str, typer.Argument(help="of the program: small letters and digits")],
    scope: Annotated[
        list[str],
        typer.Option(help="reports:read, :create, subscriptions:read, :write; once for each"),
    ],
    estate: Annotated[
        list[str] | None, typer.Option(help="estate id, once for each; default: that of ANFANG_SITE")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3_650, help="it ends after so many days; else never")] = None,
) -> None:
    """Make a key. It is shown this once; only its hash is kept.

    Example: anfang api keys add district --estate demo_garden --scope reports:read --scope reports:create --days 365
    """
    from dashboards.api.keys import Keys, keys_file, new_key

    settings = load_settings()
    estates = estate or [configured(None)[1].estate.id]
    key, token = new_key(name, scope, estates, days, SystemClock().now_ms())
    Keys(keys_file(settings)).add(key)
    typer.echo(f"{key.id} {name}: {', '.join(key.scopes)} of {', '.join(estates)}")
    typer.echo(f"key, shown this once: {token}")


@keys.command("list")
def list_() -> None:
    """All keys: id, name, state, scopes, estates, when it was made.

    Example: anfang api keys list
    """
    from dashboards.api.keys import Keys, keys_file

    now_ms = SystemClock().now_ms()
    for key in Keys(keys_file(load_settings())).all():
        made = datetime.fromtimestamp(key.made_ms / 1000, UTC).date()
        about = (key.id, key.name, key.state(now_ms), ", ".join(key.scopes), ", ".join(key.estates), str(made))
        typer.echo("\t".join(about))


@keys.command()
def revoke(key_id: Annotated[str, typer.Argument(help="the key's id, see `anfang api keys list`")]) -> None:
    """End a key at once; it stays in the list.

    Example: anfang api keys revoke 1f0c3a9e
    """
    from dashboards.api.keys import Keys, keys_file

    revoked = Keys(keys_file(load_settings())).revoke(key_id, SystemClock().now_ms())
    typer.echo(f"{revoked.id} {revoked.name} is revoked")
