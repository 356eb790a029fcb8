"""The helpdesk's questions to a database of years: search, an institution's page, the first page of every filter."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from benchmarks.asking import Asker, place
from benchmarks.figures import Section
from benchmarks.instance import Instance
from benchmarks.plan import Plan
from benchmarks.population import Population, populate
from benchmarks.postgres import Postgres
from benchmarks.problems import Failed
from benchmarks.traffic import percentiles
from core.kinds import Kind
from core.statuses import Status
from store.people import Role
from todoke.service import prepare

_PER_SECOND = 20
_MESSAGES = 1_000_000
_MANY = 10_000_000
_OFFICE = "31"
"""The smallest prefecture: what is its own is farthest apart."""

Places = Callable[[random.Random], str]


def measure(plan: Plan) -> Iterator[Section]:
    """One table. Raises Missing."""
    count = plan.count or (_MANY if plan.million else plan.size(_MESSAGES, 100_000))
    server = Postgres.found()
    about = (
        f"One API process, PostgreSQL with {count:,} messages: questions at {_PER_SECOND} a second, under the "
        "secretariat's token and under that of the smallest prefecture, from the moment when each is due to its answer."
    )
    section = Section("helpdesk", about)
    with server.database() as name:
        instance = Instance(plan.folder, server.url(name))
        instance.publish([])
        population = populate(instance.database_url, count)
        tokens = asyncio.run(_tokens(instance))
        with instance.serving_api() as api:
            for who, token in tokens.items():
                _ask(plan, section, who, Asker(api.port, token), population)
    yield section


async def _tokens(instance: Instance) -> Mapping[str, str]:
    wiring = instance.wiring()
    try:
        await prepare(wiring, wiring.settings)
        return {
            "secretariat": await wiring.people.create("secretariat", Role.HELPDESK),
            "prefecture": await wiring.people.create("office", Role.PREFECTURE, _OFFICE),
        }
    finally:
        await wiring.close()


def _ask(plan: Plan, section: Section, who: str, asker: Asker, population: Population) -> None:
    own = [one for one in population.institutions if who == "secretariat" or one[1] == _OFFICE]
    questions = plan.size(400, 100)
    kinds_of_questions = (
        ("search", _searches(own)),
        ("institution", _institutions(own, "/v1/institutions")),
        ("institution, as a page", _institutions(own, "/institutions")),
        ("first page", _lists(own)),
    )
    for label, places in kinds_of_questions:
        rounds = []
        for number in range(plan.repetitions):
            chance = random.Random(f"{label} {number}")
            asked = [chance.choice(places)(chance) for _ in range(questions)]
            asker.paced(asked[:20], _PER_SECOND)
            rounds.append(asker.paced(asked, _PER_SECOND))
        percentiles(section, f"{label}, {who}", rounds)
    _walk(asker)


def _searches(own: Sequence[tuple[str, str, str]]) -> list[Places]:
    def of(pattern: Callable[[str, str], str]) -> Places:
        def made(chance: random.Random) -> str:
            code, _, name = chance.choice(own)
            return place("/v1/search", q=pattern(code, name))

        return made

    return [
        of(lambda code, name: code),
        of(lambda code, name: code[2:8]),
        of(lambda code, name: name),
        of(lambda code, name: name[1:5]),
        of(lambda code, name: name[:2]),
        of(lambda code, name: name[-2:]),
        of(lambda code, name: f"h{code}"),
        of(lambda code, name: f"soumu{int(code[3:])}@docomo.ne.jp"),
        of(lambda code, name: f"soumu{int(code[3:])}"),
        of(lambda code, name: f"A-2024-{int(code[3:]):07}"),
        of(lambda code, name: f"{name} アカウント発行メール"),
        of(lambda code, name: "クリニック"),
    ]


def _institutions(own: Sequence[tuple[str, str, str]], path: str) -> list[Places]:
    return [lambda chance: f"{path}/{chance.choice(own)[0]}"]


def _lists(own: Sequence[tuple[str, str, str]]) -> list[Places]:
    """The first page of every filter, and of pairs of them."""
    path = "/v1/messages"
    fixed = [place(path), place(path, since="2026-01-01T00:00:00+09:00"), place(path, until="2025-06-01T00:00:00Z")]
    fixed += [place(path, kind=kind) for kind in Kind]
    fixed += [place(path, status=status) for status in Status]
    fixed += [place(path, kind=kind, status=status) for kind in Kind for status in Status]
    fixed += [place(path, status="undelivered", until="2024-09-01T00:00:00Z"), "/v1/suppressions"]
    return [
        lambda chance: chance.choice(fixed),
        lambda chance: place(path, institution_code=chance.choice(own)[0]),
        lambda chance: place(path, email=f"soumu{chance.randrange(3000)}@docomo.ne.jp"),
    ]


def _walk(asker: Asker) -> None:
    """Pages follow each other without a gap or a double. Raises Failed where they do not."""
    seen: list[tuple[datetime, str]] = []
    cursor = ""
    for _ in range(5):
        query = {"limit": "250", **({"cursor": cursor} if cursor else {})}
        page = json.loads(asker.ask(place("/v1/messages", **query)))
        seen += [(datetime.fromisoformat(item["created_at"]), item["id"]) for item in page["items"]]
        cursor = page["next"] or ""
        if not cursor:
            break
    moments = [moment for moment, _ in seen]  # shown to the second: within one the order cannot be seen
    if len(set(seen)) != len(seen) or moments != sorted(moments, reverse=True):
        raise Failed("pages of messages overlap or are out of order")
