"""Hostile text in names, bounces and what people type: it is shown as it stands and does nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from playwright.sync_api import Page

from core.reports import Action, BounceClass, ParsedReport, Reason, RecipientReport, ReportType
from core.statuses import Status
from tests.web.browser.conftest import Served, SignIn
from tests.web.conftest import Api

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>{{7*7}}"
CODE = "3510000666"


@pytest.fixture(scope="module")
def places(served: Served) -> Mapping[str, str]:
    return served.run(_build(served.api))


async def _build(api: Api) -> Mapping[str, str]:
    made = api.job(
        job_id=f"job {HOSTILE}",
        application__id=f"A {HOSTILE}",
        institution__code=CODE,
        institution__name=HOSTILE,
        recipient__department=HOSTILE,
        recipient__family_name=HOSTILE,
        data__login_id=HOSTILE,
    )
    pre_check, _guide = await api.publish(made)
    values = {"diagnostic": f"550 {HOSTILE}", "smtp_code": 550, "reason": "userunknown", "bounce_class": "hard"}
    await api.move(pre_check["id"], Status.SENDING, Status.UNDELIVERED, **values)
    recipient = RecipientReport(HOSTILE, Action.FAILED, None, 550, Reason.USERUNKNOWN, BounceClass.HARD, HOSTILE)
    parsed = ParsedReport(ReportType.BOUNCE, (recipient,))
    await api.report(parsed, state="unmatched", reason=HOSTILE[:40], raw=b"x")
    return {
        "institution": f"/institutions/{CODE}",
        "message": f"/messages/{pre_check['id']}",
        "undelivered": "/undelivered",
        "unmatched": "/unmatched",
        "dashboard": "/dashboard",
        "suppressions": "/suppressions",
        "search": f"/search?q={HOSTILE.replace('&', '%26')}",
        "job": "/jobs?job_id=job%20" + HOSTILE.replace("=", "%3D"),
    }


def test_nothing_comes_of_it(sign_in: SignIn, served: Served, places: Mapping[str, str]) -> None:
    page = sign_in("kanri").new_page()
    asked, said = _listen(page)
    for place in places.values():
        page.goto(place)
        assert page.title().endswith("｜todoke"), place
        assert page.title() != "owned", place
        assert page.locator("main img, main script, main [onerror]").count() == 0
    assert {url.split("/")[2] for url in asked} == {served.url.split("/")[2]}
    assert said == []


def _listen(page: Page) -> tuple[list[str], list[str]]:
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    return asked, said


def test_its_words_are_there_to_be_read(sign_in: SignIn, places: Mapping[str, str]) -> None:
    page = sign_in("kanri").new_page()
    page.goto(places["institution"])
    assert page.locator("h1").inner_text() == HOSTILE
    assert HOSTILE in page.locator("#story").inner_text()


def test_even_a_script_within_the_page_is_not_run(sign_in: SignIn, places: Mapping[str, str]) -> None:
    """What would hold if the escaping failed: the browser refuses whatever is not ours."""
    page = sign_in("kanri").new_page()
    page.goto(places["institution"])
    before = page.title()
    refused: list[Any] = page.evaluate(
        """async () => {
          const refused = [];
          document.addEventListener('securitypolicyviolation', event => refused.push(event.violatedDirective));
          const main = document.querySelector('main');
          const script = document.createElement('script');
          script.textContent = "document.title = 'owned'";
          main.append(script);
          main.insertAdjacentHTML('beforeend', "<p style='color:red' onclick=\\"document.title='owned'\\">x</p>");
          main.lastElementChild.click();
          const foreign = document.createElement('img');
          foreign.src = 'https://foreign.invalid/x.png';
          main.append(foreign);
          await fetch('https://foreign.invalid/').catch(() => {});
          await new Promise(resolve => setTimeout(resolve, 50));
          return refused;
        }"""
    )
    assert page.title() == before
    assert {"script-src-elem", "script-src-attr", "style-src-attr", "img-src", "connect-src"} <= set(refused)
