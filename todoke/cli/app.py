"""All commands by name. Their modules are imported when they run: `todoke --help` stays quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="todoke",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "E-mail notification and delivery tracking for account issuing and reporting.\n\n"
        "New here? `todoke demo` shows everything in a minute, without any set-up. Then `todoke serve` starts the "
        "service, `todoke sink` the captured-mail server to test against, `todoke publish FILE` hands in jobs, and "
        "`todoke status` answers whether a mail arrived. `todoke doctor` checks a set-up.\n\n"
        "Settings come from TODOKE_* variables (also in .env) over todoke.toml over defaults: `todoke config show`.\n\n"
        "Exit codes: 0 done; 1 refused in part or whole; 2 wrong usage."
    ),
)
bounces_app = typer.Typer(no_args_is_help=True, help="Failure reports: take them in from files, or classify them.")
reports_app = typer.Typer(no_args_is_help=True, help="Reporting statuses of institutions.")
token_app = typer.Typer(no_args_is_help=True, help="API tokens.")
user_app = typer.Typer(no_args_is_help=True, help="People who sign in to the pages.")
db_app = typer.Typer(no_args_is_help=True, help="The database: its schema, and what a restore asks for.")
templates_app = typer.Typer(no_args_is_help=True, help="Mail templates.")
config_app = typer.Typer(no_args_is_help=True, help="Settings.")
for _name, _group in (
    ("bounces", bounces_app),
    ("reports", reports_app),
    ("token", token_app),
    ("user", user_app),
    ("db", db_app),
    ("templates", templates_app),
    ("config", config_app),
):
    app.add_typer(_group, name=_name)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")]
UserName = Annotated[str, typer.Option("--name", help="The user's name.")]
InputFile = Annotated[str, typer.Argument(metavar="FILE", help="NDJSON, or CSV with dotted keys; - for stdin.")]


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"todoke {version('todoke')}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of todoke itself."""


@app.command()
def demo(
    serve: Annotated[
        bool, typer.Option("--serve", help="Stay up afterwards, with the API and the sink's page.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Everything in one process, on sample applications and a fast clock; ends by itself."""
    from todoke.demo import run

    run(stay=serve, as_json=as_json)


@app.command()
def serve(
    role: Annotated[
        list[str] | None, typer.Option(help="api, sender, scheduler or bounces; several times. Without: all.")
    ] = None,
) -> None:
    """The service. SIGTERM ends it within 10 s. SQLite is for one process; many share a PostgreSQL database."""
    from todoke.cli.serving import run

    run(role or [])


@app.command()
def sink(
    smtp_port: Port = 1025,
    http_port: Port = 8025,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    bounces_to: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where reports are sent.")] = None,
    store: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep mails in this file.")] = None,
    max_messages: Annotated[
        int, typer.Option(min=1, metavar="N", help="Keep so many mails; the oldest are forgotten beyond.")
    ] = 500_000,
    max_size: Annotated[int, typer.Option(min=1, metavar="OCTETS", help="Refuse a mail that is larger.")] = 50
    * 1024
    * 1024,
    as_json: Json = False,
) -> None:
    """The captured-mail SMTP sink, with its page, API and simulator addresses."""
    from todoke.cli.sinking import run

    run(host, smtp_port, http_port, bounces_to, store, max_messages, max_size, as_json=as_json)


@app.command()
def publish(file: InputFile, as_json: Json = False) -> None:
    """Hand in mail jobs from a file; a bad line is named and does not stop the good ones."""
    from todoke.cli.publishing import publish_jobs

    publish_jobs(file, as_json=as_json)


@app.command()
def status(
    institution: Annotated[str | None, typer.Option(help="Institution code (機関コード).")] = None,
    application: Annotated[str | None, typer.Option(help="Application id.")] = None,
    email: Annotated[str | None, typer.Option(help="Recipient's address.")] = None,
    message: Annotated[str | None, typer.Option(help="Message id.")] = None,
    as_json: Json = False,
) -> None:
    """What happened, as the helpdesk sees it."""
    from todoke.cli.asking import show_status

    show_status(institution, application, email, message, as_json=as_json)


@app.command()
def plan(
    kind: Annotated[str, typer.Option(help="Kind of mail, such as guide.")],
    at: Annotated[str, typer.Option(metavar="ISO-TIME", help="The moment; for a guide, when its pre-check was sent.")],
    prefecture: Annotated[str | None, typer.Option(metavar="NN", help="01 to 47.")] = None,
    business_days: Annotated[int | None, typer.Option(min=1, help="For a guide: business days after.")] = None,
    as_json: Json = False,
) -> None:
    """Dry run: when would a mail go, and by which rule. Writes nothing."""
    from todoke.cli.asking import show_plan

    show_plan(kind, at, prefecture, business_days, as_json=as_json)


@app.command()
def calendar(
    year: Annotated[int | None, typer.Option(help="Calendar year; without: this one.")] = None,
    prefecture: Annotated[str | None, typer.Option(metavar="NN", help="01 to 47: with closures of its own.")] = None,
    as_json: Json = False,
) -> None:
    """A year's business days, and why the other days are closed."""
    from todoke.cli.calendar import show_calendar

    show_calendar(year, prefecture, as_json=as_json)


@app.command()
def simulate(
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="First day, such as 2026-12-01.")],
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="The day at whose beginning it ends.")],
    institutions: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many have to report.")] = 240_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same season.")] = 1,
    seeds: Annotated[int | None, typer.Option(min=1, max=1000, help="So many seasons, told briefly; no files.")] = None,
    assumptions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Assumptions about the world, over the shipped ones.")
    ] = None,
    compose_every: Annotated[
        int, typer.Option(min=1, metavar="N", help="Render and compose one reminder in N; other mails all.")
    ] = 1,
    json_file: Annotated[
        Path | None, typer.Option("--json-file", metavar="FILE", help="Write the result here, as JSON.")
    ] = None,
    chart: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Write a chart of the season.")] = None,
    page: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a page with chart and tables.")] = None,
    as_json: Json = False,
) -> None:
    """Rehearse a reporting season: the real service on a simulated clock, against a simulated relay."""
    from todoke.rehearsal import Outputs, run

    outputs = Outputs(json_file, chart, page)
    run(first, last, institutions, seed, seeds, assumptions, compose_every, outputs, as_json=as_json)


@bounces_app.command("ingest")
def bounces_ingest(
    path: Annotated[str, typer.Argument(metavar="PATH", help=".eml file, Maildir, mbox, or - for stdin.")],
    as_json: Json = False,
) -> None:
    """Take reports in from files: the same handling as the listener's."""
    from todoke.cli.bouncing import ingest

    ingest(path, as_json=as_json)


@bounces_app.command("parse")
def bounces_parse(paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files or folders.")]) -> None:
    """Classify only, writing nothing: NDJSON, one line a file."""
    from todoke.cli.bouncing import parse

    parse(paths)


@reports_app.command("set")
def reports_set(file: InputFile, as_json: Json = False) -> None:
    """Set reporting statuses from a file."""
    from todoke.cli.publishing import set_reports

    set_reports(file, as_json=as_json)


@token_app.command("create")
def token_create(
    name: Annotated[str, typer.Option(help="Whose token it is.")],
    role: Annotated[str, typer.Option(help="publisher, helpdesk, prefecture, auditor or admin.")],
    prefecture: Annotated[str | None, typer.Option(metavar="NN", help="For the role prefecture: 01 to 47.")] = None,
    as_json: Json = False,
) -> None:
    """Make an API token; it is shown this once."""
    from todoke.cli.tokens import create

    create(name, role, prefecture, as_json=as_json)


@token_app.command("list")
def token_list(as_json: Json = False) -> None:
    """All API tokens: role, when made, revoked or not; never the token itself."""
    from todoke.cli.tokens import show

    show(as_json=as_json)


@token_app.command("revoke")
def token_revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose token it is.")], as_json: Json = False
) -> None:
    """End an API token at once, for running services too."""
    from todoke.cli.tokens import revoke

    revoke(name, as_json=as_json)


@user_app.command("create")
def user_create(
    name: Annotated[str, typer.Option(help="What is typed to sign in, and stands in the audit trail.")],
    role: Annotated[str, typer.Option(help="helpdesk (the secretariat), prefecture, auditor or admin.")],
    prefecture: Annotated[str | None, typer.Option(metavar="NN", help="For the role prefecture: 01 to 47.")] = None,
    as_json: Json = False,
) -> None:
    """Make a user; the password is asked for, or read from stdin."""
    from todoke.cli.users import create

    create(name, role, prefecture, as_json=as_json)


@user_app.command("list")
def user_list(as_json: Json = False) -> None:
    """All users: role, last sign-in, disabled or not."""
    from todoke.cli.users import show

    show(as_json=as_json)


@user_app.command("disable")
def user_disable(name: UserName, as_json: Json = False) -> None:
    """Let a user in no more; open sessions end at once."""
    from todoke.cli.users import disable

    disable(name, as_json=as_json)


@user_app.command("password")
def user_password(name: UserName, as_json: Json = False) -> None:
    """Give a user another password; it is asked for, or read from stdin. Open sessions and a lock end."""
    from todoke.cli.users import change_password

    change_password(name, as_json=as_json)


@db_app.command("upgrade")
def db_upgrade(as_json: Json = False) -> None:
    """Bring the schema up to date."""
    from todoke.cli.database import upgrade

    upgrade(as_json=as_json)


@db_app.command("check")
def db_check(as_json: Json = False) -> None:
    """Exit 1 unless the schema is up to date."""
    from todoke.cli.database import check

    check(as_json=as_json)


@db_app.command("restored")
def db_restored(
    taken_at: Annotated[str, typer.Option(metavar="ISO-TIME", help="When the backup was taken, or a little before.")],
    as_json: Json = False,
) -> None:
    """After a restore, before `todoke serve`: guides that may have left since the backup are not sent again."""
    from todoke.cli.database import restored

    restored(taken_at, as_json=as_json)


@templates_app.command("check")
def templates_check(as_json: Json = False) -> None:
    """Lint all templates."""
    from todoke.cli.templating import check

    check(as_json=as_json)


@templates_app.command("preview")
def templates_preview(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Kind of mail, such as guide.")],
    html: Annotated[bool, typer.Option("--html", help="The HTML part instead of the text.")] = False,
    as_json: Json = False,
) -> None:
    """Render a kind with its sample data."""
    from todoke.cli.templating import preview

    preview(kind, html=html, as_json=as_json)


@config_app.command("show")
def config_show(as_json: Json = False) -> None:
    """Every setting with its origin; secrets masked."""
    from todoke.cli.configuring import show

    show(as_json=as_json)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check database, relay, domain, calendar, templates, contacts and keys; exit 1 if any fails."""
    from todoke.cli.doctor import examine

    examine(as_json=as_json)
