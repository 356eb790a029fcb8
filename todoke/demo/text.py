"""The demo as people read it: phases as they happen, one line a message, the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.jst import to_tokyo
from core.kinds import Kind
from core.statuses import Status
from todoke.cli.output import padded, print_line, print_table, printable, width
from todoke.demo.questions import Answered, Example
from todoke.demo.records import Record
from todoke.demo.result import Result
from todoke.demo.story import Phase
from todoke.demo.words import EVENTS, evidence_of, moment_text, timeline


def print_opening() -> None:
    """What is about to be seen."""
    print_line("todoke demo — 年末年始のメール送信を早回しで再現します (a year-end, on a fast clock)")
    print_line("機関・窓口・宛先はすべて架空です。メールはこのコンピュータの外に出ません。")
    print_line("(All institutions, desks and addresses are fictional; no mail leaves this machine.)")


def print_phase(phase: Phase) -> None:
    """A phase, once it is done."""
    print_line()
    hour = "     " if phase.at is None else f"{to_tokyo(phase.at):%H:%M}"
    print_line(f"{phase.day} {hour}  {phase.title}")
    for line in phase.lines:
        print_line(f"    {printable(line)}")


def print_messages(result: Result) -> None:
    """Every message in one line."""
    _heading("1通ごとの経過 (every message, one line each)")
    rows = [(_whose(record), record.kind.value, record.view["label"], _line(record)) for record in _sorted(result)]
    widths = [max(width(row[place]) for row in rows) for place in range(3)]
    for row in rows:
        print_line(printable("  ".join([*map(padded, row[:3], widths), row[3]])))


def _sorted(result: Result) -> list[Record]:
    """Mails of one application stand together."""
    return sorted(result.books.records, key=lambda record: (_whose(record), record.view["created_at"], record.id))


def _whose(record: Record) -> str:
    view = record.view
    if record.kind is Kind.REMINDER:
        return f"機関 {view['institution_code']}"
    return str(view["application_id"] or view["job_id"])


def _line(record: Record) -> str:
    told = timeline(record.events)
    if record.status is Status.SCHEDULED:
        return f"{told} → {moment_text(record.view['due_at'])} に送信予定"
    return told


def print_summary(result: Result) -> None:
    """What it comes to."""
    _heading("まとめ (summary)")
    span = f"{moment_text(result.began_at)} ～ {moment_text(result.ended_at)}"
    print_line(f"業務上の時間 (business time): {span}、実際の所要時間 (real time): {result.seconds:.1f} 秒")
    published = sum(upload.accepted - upload.repeated for upload in result.uploads if upload.of_jobs)
    print_line(f"申請 (applications): {result.applications}、受け付けたジョブ (jobs accepted): {published}")
    _print_counts(result)
    _print_sink(result)
    _print_no_mail(result)
    _print_refused(result)
    _heading("3つの申請の経過 (three timelines)")
    for example in result.shown.values():
        _print_example(example)
    _heading("問い合わせへの回答 (what the helpdesk answers)")
    for answer in result.answers:
        _print_answer(answer)
    _heading("確認した規則 (checks against the captured mails and the database)")
    for check in result.checks:
        print_line(f"{'OK' if check.holds else 'NG'}  {check.rule}: {check.tried}")
        for reason in check.broken_by[:3]:
            print_line(f"      × {printable(reason)}")


def _print_counts(result: Result) -> None:
    _heading("種類と状態 (messages by kind and status)")
    counts = result.counts()
    labels = [label for label in _labels() if any(found[label] for found in counts.values())]
    rows = [
        {
            "kind": kind.value,
            "name": kind.label,
            "sum": sum(found.values()),
            **{label: found[label] or "" for label in labels},
        }
        for kind, found in counts.items()
        if found
    ]
    print_table(rows, {"kind": "種類"} | {label: label for label in labels} | {"sum": "計", "name": "メール"})


def _labels() -> Iterator[str]:
    yield Status.SENT.label(settled=True)
    yield from (status.label() for status in Status)


def _print_sink(result: Result) -> None:
    total = sum(result.captured.values())
    kinds = "、".join(f"{kind} {result.captured[kind]}" for kind in Kind if kind in result.captured)
    print_line()
    print_line(f"受信側 (sink) に届いたメール: {total} ({kinds})")
    print_line("  送信結果不明の事前確認メールは、届いている場合にも再送されるため、その分多くなります。")
    print_line("  催促のメールの「送信予約」は、3月の各回の分です (the reminders of March are planned already)。")


def _print_no_mail(result: Result) -> None:
    rules = Counter((each.route, each.account, each.rule) for each in result.books.decisions)
    print_line()
    print_line("メールを送信しない申請 (applications without mail, by the rule table):")
    for (route, account, rule), count in sorted(rules.items(), key=str):
        print_line(f"  {route} / {account}: {count} ({rule})")


def _print_refused(result: Result) -> None:
    print_line()
    print_line(f"受け付けなかった行 (refused lines): {len(result.refused)}")
    for refusal in result.refused:
        place = padded(f"{refusal.file}:{refusal.line}", 23)
        why = f" ({refusal.why})" if refusal.why else ""
        print_line(printable(f"  {place}  {padded(refusal.code, 21)}  {refusal.title}{why}"))


def _print_example(example: Example) -> None:
    view = example.guide.view
    print_line()
    print_line(f"■ {example.title}")
    print_line(printable(f"  {example.guide.institution}（{view['institution_code']}）  申請 {view['application_id']}"))
    print_line(f"  宛先: {view['email']}")
    for record in (example.pre_check, example.guide):
        _print_story(record)


def _print_story(record: Record) -> None:
    view = record.view
    print_line(f"  {record.kind.label}: {view['label']}  (id {record.id})")
    for event in record.events:
        happened = padded(f"{EVENTS.get(event['type'], '')} ({event['type']})", 32)
        line = f"    {moment_text(event['at'])}  {happened}  {evidence_of(event['detail'])}"
        print_line(printable(line).rstrip())
    if view["diagnostic"] and record.status is not Status.SENT:
        print_line(printable(f"    相手側サーバの回答: {view['diagnostic']}"))


def _print_answer(answer: Answered) -> None:
    procedure = answer.procedure
    print_line()
    print_line(f"■ {answer.question}  {answer.institution}")
    print_line(f"  {answer.call} → {answer.http_status}")
    print_line(f"  対応方法: {procedure['title']} ({procedure['id']})")
    for number, step in enumerate(procedure["steps"], start=1):
        print_line(f"    {number}. {step}")
    for sentence in procedure["not_possible"]:
        print_line(f"    ※ {sentence}")
    contact: Mapping[str, Any] = procedure["contact"]
    print_line(f"    連絡先: {contact['name']} {contact['phone']} {contact['email']}")


def print_further(commands: Sequence[tuple[str, str]]) -> None:
    """Where to look further."""
    _heading("次に試すこと (where to look further)")
    for command, purpose in commands:
        print_line(f"  {purpose}")
        print_line(f"      {command}")


def _heading(text: str) -> None:
    print_line()
    print_line(f"== {text} ==")
