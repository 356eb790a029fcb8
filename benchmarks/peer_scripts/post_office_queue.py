"""django-post-office in the peers' environment: fill its queue, or drain it as its own command does.

`fill`: JSON on stdin {"subject", "text", "html", "sender", "count"}; prints {"octets"}, what one mail weighs.
`send PROCESSES`: the command `send_queued_mail --processes PROCESSES`.
`send-untuned PROCESSES`: the same, with its own defaults for batches and threads.

The database and the relay come from the variables BENCH_DATABASE and BENCH_SMTP_PORT.
"""

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import django
from django.conf import settings
from django.core.management import call_command

BATCH_SIZE = 1000
TUNED = {"BATCH_SIZE": BATCH_SIZE, "THREADS_PER_PROCESS": 5}
# Of batches of 100, 1,000 and 5,000 with 2, 5 and 10 threads the fastest here, with one process and with two.

FAMILY_NAMES = ("田中", "佐々木", "鈴木", "長谷川", "伊藤", "小山田")
PLACES = ("周南みなと病院", "山口中央医院", "下関港薬局", "宇部新川病院", "萩城下医院", "岩国錦薬局")


def configure(tuning: dict[str, int]) -> None:
    """As its documentation advises for a bulk sender: one relay, PostgreSQL, every success logged."""
    url = urlsplit(os.environ["BENCH_DATABASE"])
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": url.path.lstrip("/"),
                "USER": unquote(url.username or ""),
                "PASSWORD": unquote(url.password or ""),
                "HOST": url.hostname,
                "PORT": url.port or 5432,
            }
        },
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=int(os.environ["BENCH_SMTP_PORT"]),
        POST_OFFICE={"LOG_LEVEL": 2, **tuning},
        USE_TZ=True,
    )
    django.setup()
    logging.disable(logging.INFO)


def fill(wanted: dict[str, Any]) -> dict[str, int]:
    """Queue mails that are rendered on delivery, each with its own context."""
    from post_office import mail
    from post_office.models import Email, EmailTemplate

    call_command("migrate", verbosity=0)
    template = EmailTemplate.objects.create(
        name="bench", subject=wanted["subject"], content=wanted["text"], html_content=wanted["html"]
    )
    for start in range(0, wanted["count"], BATCH_SIZE):
        numbers = range(start, min(start + BATCH_SIZE, wanted["count"]))
        mail.send_many([queued(number, template, wanted["sender"]) for number in numbers])
    message = Email.objects.first().prepare_email_message().message()
    return {"octets": len(message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))}


def queued(number: int, template: object, sender: str) -> dict[str, Any]:
    """The arguments of one mail."""
    return {
        "recipients": f"soumu{number}@bench.example.jp",
        "sender": sender,
        "template": template,
        "render_on_delivery": True,
        "context": {
            "family_name": FAMILY_NAMES[number % 6],
            "given_name": "花子",
            "institution_name": PLACES[number % 6],
            "code": "482913",
        },
    }


def main() -> None:
    """Run one of the two commands."""
    configure({} if sys.argv[1] == "send-untuned" else TUNED)
    if sys.argv[1] == "fill":
        print(json.dumps(fill(json.load(sys.stdin))))
    else:
        call_command("send_queued_mail", processes=int(sys.argv[2]), lockfile=str(Path("post-office").resolve()))


main()
