"""Commands of the live page: `anfang web`, and its users."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from infra.configured import configured, load_sites
from infra.errors import UserError
from infra.settings import load_settings

web = typer.Typer(name="web", help="The live page: plan, alerts, one-tap dispositions.")
user = typer.Typer(name="user", help="Who may look at the live page.", no_args_is_help=True)
web.add_typer(user)

Sites = Annotated[
    list[Path] | None, typer.Option("--site", help="site file, once for each estate; default: ANFANG_SITE")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the root command."""
    app.add_typer(web)


@web.callback(invoke_without_command=True)
def serve(  # noqa: PLR0917 one option each
    context: typer.Context,
    site: Sites = None,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8080,
    root_path: Annotated[str, typer.Option(help="path under which a proxy shows the page, e.g. /anfang")] = "",
    proxy: Annotated[str, typer.Option(help="address of the proxy whose X-Forwarded-For and -Proto are believed")] = "",
    replay: Annotated[bool, typer.Option("--replay", help="now is the newest moment in the data")] = False,
    check: Annotated[bool, typer.Option("--check", help="print what the page would show, as JSON, and end")] = False,
) -> None:
    """Serve the live page, on the loopback only unless --host says otherwise. Stop with Ctrl-C.

    Example: anfang web --port 8080
    """
    if context.invoked_subcommand is not None:
        return
    import msgspec

    from dashboards.web.run import Plan, run
    from dashboards.web.run import check as looked

    settings = load_settings()
    sites = load_sites(site or [settings.site])
    if check:
        for summary in looked(settings, sites, replay=replay):
            typer.echo(msgspec.json.encode(summary))
        return
    run(settings, sites, Plan(host, port, _root_path(root_path), proxy, replay))


def _root_path(text: str) -> str:
    import re

    if text and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", text):
        raise UserError(f"--root-path {text!r}", "give a path such as /anfang, without a slash at its end")
    return text


@user.command()
def add(
    name: Annotated[str, typer.Argument(help="small letters and digits")],
    role: Annotated[
        str, typer.Option(help="guard (see, dispose), office (see, ledgers, reports), operator (see, dispose, audit)")
    ],
    estate: Annotated[
        list[str] | None, typer.Option(help="estate id, once for each; default: that of ANFANG_SITE")
    ] = None,
    ask: Annotated[bool, typer.Option("--ask", help="ask for the password (or read it from a pipe)")] = False,
) -> None:
    """Add a user, or give a known one a new password, role and estates. The password is generated and shown once.

    Example: anfang web user add wang --role guard --estate demo_garden
    """
    from dashboards.web.users import Users, generated_password, new_user, users_file

    settings = load_settings()
    estates = estate or [configured(None)[1].estate.id]
    password = _asked() if ask else generated_password()
    Users(users_file(settings)).put(new_user(name, role, estates, password))
    typer.echo(f"{name}: {role} of {', '.join(estates)}")
    if not ask:
        typer.echo(f"password, shown this once: {password}")


def _asked() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password: str = typer.prompt("password", hide_input=True, confirmation_prompt=True)
    return password


@user.command("list")
def list_() -> None:
    """Who may look: name, role, estates.

    Example: anfang web user list
    """
    from dashboards.web.users import Users, users_file

    for one in Users(users_file(load_settings())).all().values():
        typer.echo(f"{one.name}\t{one.role}\t{', '.join(one.estates)}")


@user.command()
def remove(name: Annotated[str, typer.Argument(help="whom")]) -> None:
    """Remove a user; their sessions end at once.

    Example: anfang web user remove wang
    """
    from dashboards.web.users import Users, users_file

    Users(users_file(load_settings())).remove(name)
    typer.echo(f"{name} is removed")
