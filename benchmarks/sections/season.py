"""A season's statuses handed in from a file, and one reminder step planned for everybody in them."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Section
from benchmarks.instance import Instance
from benchmarks.plan import Plan
from benchmarks.postgres import Postgres, watching
from benchmarks.problems import Failed

_INSTITUTIONS = 240_000
_QUICK = 24_000
_PREFECTURES = 47
_CARRIERS = ("docomo.ne.jp", "ezweb.ne.jp", "softbank.ne.jp")
_ONE_STEP = "".join(
    f'[{scheme}]\nsteps = ["L"]\n' for scheme in ("medical-function", "pharmacy-function", "primary-care")
)
_PLANNED = "SELECT count(*) FROM messages WHERE kind = 'reminder' AND status = 'scheduled'"
_BUSIEST = "SELECT max(n) FROM (SELECT count(*) AS n FROM messages GROUP BY prefecture, due_at) AS parts"


def measure(plan: Plan) -> Iterator[Section]:
    """One table. Raises Missing."""
    count = plan.size(_INSTITUTIONS, _QUICK)
    about = (
        f"`todoke reports set` with {count:,} statuses in one NDJSON file, PostgreSQL: each is durable, and one "
        "reminder step is planned and spread over the hours for everybody. From the start of the command to its end."
    )
    section = Section("season", about)
    server = Postgres.found()
    config = plan.folder / "config"
    config.mkdir()
    (config / "reminders.toml").write_text(_ONE_STEP, encoding="utf-8")
    file = _written(plan.folder / "statuses.ndjson", count)
    runs = [_run(plan.folder, server, config, file, count) for _ in range(plan.repetitions)]
    section.add(f"{count:,} statuses", "s", [run.seconds for run in runs])
    section.add("statuses a second", "statuses/s", [count / run.seconds for run in runs])
    section.add("CPU of the command", "ms/status", [1000 * run.cpu_seconds / count for run in runs])
    section.add("memory of the command at most", "MiB", [run.peak_mib for run in runs])
    yield section


@dataclass(frozen=True, slots=True)
class _Run:
    """What one upload cost."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def _written(file: Path, count: int) -> Path:
    """Statuses of institutions in all prefectures, a fifth of them at a carrier: the rates have room for all."""
    with file.open("w", encoding="utf-8") as out:
        for number in range(count):
            code = f"{number * _PREFECTURES // count + 1:02}{number:08}"
            domain = _CARRIERS[number // 5 % len(_CARRIERS)] if number % 5 == 0 else f"k{number}.example.jp"
            word = {
                "fiscal_year": 2026,
                "institution": {"code": code, "name": f"第{number}診療所", "type": "clinic", "prefecture": code[:2]},
                "recipient": {"email": f"jimu{number}@{domain}", "department": "総務課"},
                "status": "not-started",
            }
            out.write(json.dumps(word, ensure_ascii=False) + "\n")
    return file


def _run(folder: Path, server: Postgres, config: Path, file: Path, count: int) -> _Run:
    with server.database() as name:
        instance = Instance(folder, server.url(name), config_dir=config)
        instance.publish([])
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [sys.executable, "-m", "todoke", "reports", "set", str(file)]
        done = subprocess.run(command, env=instance.environment(), capture_output=True, text=True, check=False)
        seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            raise Failed(f"the upload ended with {done.returncode}: {done.stderr[-500:]}")
        _check(server.url(name), count)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return _Run(seconds, cpu, after.ru_maxrss / 1024)


def _check(url: str, count: int) -> None:
    """One reminder for everybody, and nowhere more than a prefecture's share of five minutes where there is room."""
    with watching(url) as watch:
        planned, busiest = watch.number(_PLANNED), watch.number(_BUSIEST)
    if planned != count:
        raise Failed(f"{planned} reminders were planned instead of {count}")
    if busiest > 100:
        raise Failed(f"{busiest} reminders of one prefecture are due at the same moment")
