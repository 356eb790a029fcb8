"""The columns of exported CSV files, for people who go on in a spreadsheet."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from core.jst import to_tokyo
from core.kinds import Kind, Scheme
from store.reading_reach import Why
from web.pages.own_words import in_japanese
from web.pages.vocabulary import ACTIONS, REASONS, SCOPES, SUBJECTS
from web.tabular import Columns, Item


def message_columns(prefecture_names: Mapping[str, str]) -> Columns:
    """Of a list of messages."""
    return {
        "機関コード": _plain("institution_code"),
        "報告機関": _plain("institution_name"),
        "都道府県": _named("prefecture", prefecture_names),
        "メール": lambda item: Kind(item["kind"]).label,
        "状態": _plain("label"),
        "宛先": _plain("email"),
        "受付日時": _time("created_at"),
        "送信予定日時": _time("due_at"),
        "送信日時": _time("sent_at"),
        "試行回数": _plain("attempts"),
        "理由": _named("reason", REASONS),
        "応答コード": _plain("smtp_code"),
        "拡張コード": _plain("enhanced_code"),
        "応答": lambda item: in_japanese(item["diagnostic"], item["smtp_code"]),
        "申請番号": _plain("application_id"),
        "メールID": _plain("id"),
    }


def undelivered_columns(prefecture_names: Mapping[str, str]) -> Columns:
    """Of a list of mails that came back."""
    return {
        **message_columns(prefecture_names),
        "不達となった日時": _time("status_at"),
        "連絡": lambda item: "済" if item["closed"] else "未",
        "連絡の記録": _plain("follow_ups"),
    }


def reach_columns(prefecture_names: Mapping[str, str]) -> Columns:
    """Of a list of institutions that no mail reaches."""
    return {
        "年度": _plain("fiscal_year"),
        "機関コード": _plain("institution_code"),
        "報告機関": _plain("institution_name"),
        "都道府県": _named("prefecture", prefecture_names),
        "制度": lambda item: Scheme(item["scheme"]).label,
        "報告状況": _named("status", _STATUSES),
        "連絡が必要な理由": lambda item: Why(item["why"]).label,
        "不達の理由": _failure,
        "送信停止の理由": _plain("stated_why"),
        "宛先": _plain("email"),
        "最終更新": _time("updated_at"),
    }


def _failure(item: Item) -> Any:
    """Nothing where somebody stopped the mails: they did not fail."""
    return None if item["why"] == Why.BY_HAND else REASONS.get(item["reason"], item["reason"])


_STATUSES = {"not-started": "未報告", "in-progress": "報告中"}

SUPPRESSION_COLUMNS: Columns = {
    "機関コード": lambda item: item["institution_code"],
    "メールアドレス": lambda item: item["email"],
    "範囲": lambda item: SCOPES.get(item["scope"], item["scope"]),
    "理由": lambda item: REASONS.get(item["reason"], item["reason"]),
    "登録日時": lambda item: spreadsheet_time(item["created_at"]),
    "解除日時": lambda item: spreadsheet_time(item["released_at"]),
    "解除した人": lambda item: item["released_by"],
    "解除の理由": lambda item: item["released_why"],
}

AUDIT_COLUMNS: Columns = {
    "番号": lambda item: item["id"],
    "日時": lambda item: spreadsheet_time(item["at"]),
    "操作者": lambda item: item["actor"],
    "役割": lambda item: item["role"],
    "都道府県": lambda item: item["prefecture"],
    "操作": lambda item: ACTIONS.get(item["action"], item["action"]),
    "操作コード": lambda item: item["action"],
    "対象": lambda item: SUBJECTS.get(item["subject"], item["subject"]),
    "内容": lambda item: json.dumps(item["detail"], ensure_ascii=False) if item["detail"] else "",
}


def spreadsheet_time(value: datetime | str | None) -> str:
    """2026-11-24 10:00:00 in Tokyo, which spreadsheets take for a time; nothing for None."""
    if value is None:
        return ""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return to_tokyo(moment).strftime("%Y-%m-%d %H:%M:%S")


def _plain(key: str) -> Callable[[Item], Any]:
    return lambda item: item[key]


def _time(key: str) -> Callable[[Item], str]:
    return lambda item: spreadsheet_time(item[key])


def _named(key: str, names: Mapping[str, str]) -> Callable[[Item], Any]:
    return lambda item: names.get(item[key], item[key])
