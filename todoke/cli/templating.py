"""`todoke templates`."""

from __future__ import annotations

from core.kinds import Kind
from todoke.adapting import templates_folder
from todoke.cli.output import complain, print_json, print_line
from todoke.cli.running import refused, settings_of_command, wrong_usage
from todoke.wiring import Wiring


def check(*, as_json: bool) -> None:
    """Lint all templates."""
    from templates.catalog import check_folder
    from templates.rules import KNOWN_HOSTS

    settings = settings_of_command()
    hosts = KNOWN_HOSTS | set(settings.link_hosts)
    problems = check_folder(templates_folder(settings), hosts, settings.sender_address)
    if as_json:
        print_json({"problems": [problem._asdict() for problem in problems]})
    else:
        for problem in problems:
            complain(str(problem))
        print_line(f"{len(problems)} problem(s)" if problems else "all templates are in order")
    if problems:
        refused()


def preview(kind_name: str, *, html: bool, as_json: bool) -> None:
    """Render a kind with its sample data."""
    if kind_name not in set(Kind):
        wrong_usage(f"{kind_name}: no such kind; they are {', '.join(Kind)}")
    catalog = Wiring(settings_of_command()).catalog
    content = catalog.render(catalog.sample(Kind(kind_name)))
    if as_json:
        print_json({name: getattr(content, name) for name in ("subject", "sender_name", "text", "html")})
    elif html:
        print_line(content.html)
    else:
        print_line(f"From: {content.sender_name}\nSubject: {content.subject}\n\n{content.text}")
