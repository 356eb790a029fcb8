"""A mail filled into a stencil is, to the letter, the mail that its templates make when they are run for it alone."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kinds import InstitutionType, Kind
from core.mail import Contact, MailContent, MailContext, MailDataMissing, Recipient, WaitingTimes
from templates.catalog import Catalog
from templates.edition import open_edition
from templates.mail_template import MailTemplate
from templates.samples import variants
from templates.sources import national_roots

WORDS = st.text(
    st.characters(blacklist_categories=["Cs"]) | st.sampled_from("<>&\"'{}%#\ue000\ue001\ue002\ue100\n\r 髙"),
    min_size=1,
    max_size=30,
).filter(str.strip)


def template_of(catalog: Catalog, kind: Kind) -> MailTemplate:
    return catalog._national.mails[kind]


def same(template: MailTemplate, context: MailContext) -> bool:
    """Whether a mail that is filled in says what it says when its templates are run."""
    return said(template.render(context)) == said(template.run(context))


def said(content: MailContent) -> tuple[str, ...]:
    return content.subject, content.sender_name, content.text, content.html


def has_stencil(catalog: Catalog, kind: Kind) -> bool:
    """Whether mails like the kind's sample are filled in, not run."""
    template, sample = template_of(catalog, kind), catalog.sample(kind)
    runs = []

    def counting(*args):
        runs.append(args)
        raise AssertionError

    template.render(sample)
    plain, template._run = template._run, counting
    try:
        template.render(sample)
    except AssertionError:
        return False
    finally:
        template._run = plain
    return not runs


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.REJECTION])
def test_shipped_mails_have_stencils(catalog, kind):
    assert has_stencil(catalog, kind)


def test_a_reason_of_several_lines_is_looked_at_and_so_its_mail_is_run(catalog):
    assert not has_stencil(catalog, Kind.REJECTION)


@pytest.mark.parametrize("kind", Kind)
def test_every_variant_of_the_samples(catalog, kind):
    template = template_of(catalog, kind)
    for context in variants(catalog.sample(kind)):
        assert same(template, context)


@given(data=st.data(), kind=st.sampled_from(Kind))
def test_any_values(catalog, data, kind):
    sample = catalog.sample(kind)
    some = st.none() | WORDS
    context = replace(
        sample,
        recipient=Recipient(sample.recipient.email, data.draw(some), data.draw(some), data.draw(some)),
        institution=sample.institution
        and replace(
            sample.institution,
            name=data.draw(WORDS),
            code=data.draw(WORDS),
            type=data.draw(st.sampled_from(InstitutionType)),
            prefecture=data.draw(st.sampled_from(["01", "35", "47"])),
        ),
        prefecture_contact=sample.prefecture_contact and Contact(data.draw(WORDS), data.draw(WORDS), data.draw(WORDS)),
        data={name: data.draw(WORDS) for name in sample.data},
        expires_text=sample.expires_text and data.draw(WORDS),
        secretariat=Contact(data.draw(WORDS), data.draw(WORDS), data.draw(WORDS)),
        waiting=WaitingTimes(data.draw(WORDS), data.draw(WORDS)),
    )
    template = template_of(catalog, kind)
    assert same(template, context)


def test_prefectures_share_their_stencils(catalog):
    """A nation's reminders would fill the memory with copies of one text otherwise."""
    template, sample = template_of(catalog, Kind.REMINDER), catalog.sample(Kind.REMINDER)
    template.render(sample)
    before = template._stencils.cache_info().misses
    for number in range(1, 48):
        place = replace(sample.institution, prefecture=f"{number:02}")
        context = replace(
            sample, institution=place, prefecture_contact=Contact(f"窓口{number}", f"0{number}", "a@b.jp")
        )
        assert same(template, context)
    assert template._stencils.cache_info().misses == before


LOOKS = [
    "{% if institution.prefecture == '35' %}山口{% endif %}",
    "{% if prefecture_contact.phone[:3] == '083' %}山口{% endif %}",
    "{% set line = prefecture_contact.name ~ '様' %}{% if line|length > 8 %}長い{% endif %}{{ line }}",
    "{% if data.login_id == 'h3510012345' %}その方{% endif %}",
    "{% if data.login_id | length > 5 %}長い{% endif %}",
    "{{ data.login_id | upper }}",
    "{{ data.login_id[:3] }}",
    "{{ data.login_id.upper() }}",
    "{{ '%.4s' % data.login_id }}",
    "{{ '{:>20}'.format(data.login_id) }}",
    "{{ '{0!s:.3}'.format(data.login_id) }}",
    "{% if 'h35' in data.login_id %}h35{% endif %}",
    "{% if data.login_id is string %}字{% endif %}",
    "{% if data.login_id < 'm' %}前{% endif %}",
    "{% set both = data.login_id ~ institution.code %}{% if both|length > 15 %}長い{% endif %}",
    "{% set both = data.login_id ~ '<b>' %}{{ both }}",
    "{% set block %}{{ data.login_id }}{% endset %}{% if block == 'h3510012345' %}その方{% endif %}",
    "{% filter upper %}{{ data.login_id }}{% endfilter %}",
    "{% filter wrap %}{{ institution.name }}の{{ to[0] }}に、長い文で申し上げますので折り返します。{% endfilter %}",
    "{% for letter in data.login_id %}{{ letter }}-{% endfor %}",
    "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{% if twice(data.login_id)|length > 21 %}長い{% endif %}",
    "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{% set y = twice(data.login_id) %}{{ y[:3] }}",
    "{{ {'h3510012345': 'その方'}[data.login_id] }}",
    "{{ [data.login_id, 'a'] | join('+') }}",
    "{{ to | map('upper') | join(' ') }}",
    "{{ to | length }}{{ to[-1] }}{{ to | last }}",
    "{{ 'あり' if data.login_id else 'なし' }}{{ data.login_id or 'なし' }}",
    "{{ data | tojson }}",
    "{{ institution.type }} {{ institution.prefecture }} {{ institution.name }}",
    "{% if waiting.issuing|length > 2 %}{{ waiting.issuing }}{% endif %}",
    "{{ data.login_id | e }} {{ data.login_id | safe }}",
]
"""Ways in which an office's own templates may use what they are given."""


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("file", ["body.txt", "body.html", "subject.txt"])
def test_templates_that_look_at_values_say_the_same(catalog: Catalog, tmp_path: Path, look: str, file: str):
    home = tmp_path / "existing-user-confirm"
    home.mkdir()
    subject = "【厚生労働省G-MIS事務局】お知らせ"
    (home / file).write_text(f"{subject}{look} {{{{ data.login_id }}}}", "utf-8")
    kind = Kind.EXISTING_USER_CONFIRM
    template, sample = open_edition(national_roots(tmp_path), {}, [kind]).mails[kind], catalog.sample(kind)
    assert sample.institution is not None
    for login_id, name in (("h3510012345", "周南みなと病院"), ("h35<&>", "病院"), ("z", "髙" * 60)):
        context = replace(sample, data={"login_id": login_id}, institution=replace(sample.institution, name=name))
        assert outcome(template.render, context) == outcome(template.run, context)


def outcome(render, context):
    """The mail, or what is raised in its place."""
    try:
        return said(render(context))
    except Exception as error:
        return type(error), str(error)


def test_what_is_missing_is_named_as_before(catalog):
    sample = replace(catalog.sample(Kind.GUIDE), data={"login_id": "h3510012345"})
    with pytest.raises(MailDataMissing, match=r"data\.setup_url"):
        catalog.render(sample)
