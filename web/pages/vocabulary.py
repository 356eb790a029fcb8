"""What codes of the API are called in Japanese. A code that is not here is shown as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.kinds import Kind, Scheme
from core.statuses import Status
from helpdesk.vocabulary import ReportStatus
from store.address_changes import ChangeState
from store.follow_ups import Channel, Result
from store.users import UNKNOWN_USER
from web.pages.rooms import ROLE_LABELS
from web.pages.standing import CHOICES


@dataclass(frozen=True, slots=True)
class Look:
    """How a state is shown: a mark and a tone beside its words, never a colour alone."""

    mark: str
    tone: str


GOOD, BAD, DOUBT, CALM, SPENT = "good", "bad", "doubt", "calm", "spent"

LOOKS: Mapping[Status, Look] = {
    Status.HELD: Look("□", CALM),
    Status.SCHEDULED: Look("◷", CALM),
    Status.SENDING: Look("→", CALM),
    Status.DEFERRED: Look("△", DOUBT),
    Status.IN_DOUBT: Look("？", DOUBT),
    Status.SENT: Look("○", GOOD),
    Status.UNDELIVERED: Look("×", BAD),
    Status.CANCELLED: Look("－", SPENT),
    Status.EXPIRED: Look("－", SPENT),
    Status.SUPPRESSED: Look("■", BAD),
}

EVENTS: Mapping[str, str] = {
    "accepted": "受け付けました",
    "planned": "送信を予定しました",
    "replanned": "送信の予定を変更しました",
    "rescheduled": "営業日が変わったため、送信の予定を変更しました",
    "redirected": "宛先を変更しました",
    "withdrawn": "取り下げました",
    "claimed": "送信を始めました",
    "in-flight": "メールサーバーに渡しています",
    "sent": "相手先のメールサーバーが受け取りました",
    "deferred": "送信できなかったため、後ほど再送します",
    "in-doubt": "送信の途中で接続が切れ、届いたかどうかが分かりません",
    "refused": "相手先のメールサーバーに拒否され、不達となりました",
    "retries-exhausted": "再送を続けましたが受け取られず、不達となりました",
    "bounced": "不達の通知が届きました",
    "bounced-again": "不達の通知がもう一度届きました",
    "gate-opened": "事前確認メールが送信完了となり、送信の予定が決まりました",
    "gate-closed": "事前確認メールが送信完了とならなかったため、取り消しました",
    "promise-withdrawn": "G-MIS利用案内メールを送信しないこととなったため、取り消しました",
    "cancelled": "取り消しました",
    "expired": "期限までに送信できませんでした",
    "suppressed": "送信停止のため、送信しませんでした",
    "postponed": "送信できる時刻まで待ちます",
    "tries-ended": "再送を終えました",
    "delay-reported": "配達が遅れているとの通知が届きました",
    "delivery-reported": "配達されたとの通知が届きました",
    "forward-failed": "転送先やグループの一部の宛先に届かなかったとの通知が届きました（元の宛先には届いています）",
    "auto-reply": "自動応答のメールが届きました",
    "other-mail": "返信など、配信の通知ではないメールが届きました（内容は事務局の「未照合の報告」にあります）",
    "complaint": "迷惑メールとの申告が届きました",
    "resolved": "担当者が送信結果を確定しました",
    "resent": "担当者が再送しました",
    "taken-over": "別の送信処理が引き継ぎました",
    "given-back": "送信を始めずに、送信待ちに戻しました",
    "outcome-late": "送信の結果が後から分かりました",
    "report-without-effect": "影響のない通知が届きました",
}
"""What happened to a message."""

EVENT_TONES: Mapping[str, str] = {
    **dict.fromkeys(("sent", "delivery-reported", "gate-opened"), GOOD),
    **dict.fromkeys(("refused", "retries-exhausted", "bounced", "bounced-again", "complaint", "gate-closed"), BAD),
    **dict.fromkeys(("deferred", "in-doubt", "delay-reported", "forward-failed", "other-mail", "tries-ended"), DOUBT),
}

MINOR_EVENTS = frozenset({"claimed", "in-flight", "taken-over", "given-back", "replanned"})
"""Steps that say nothing to a caller; the page of the message shows them all."""

REASONS: Mapping[str, str] = {
    "authfailure": "送信ドメイン認証に失敗",
    "badreputation": "送信元の評価が低いため拒否",
    "blocked": "送信元のサーバーが拒否された",
    "contenterror": "メールの形式を理由に拒否",
    "emailtoolarge": "メールが大きすぎる",
    "expired": "配達の期限切れ",
    "failedstarttls": "暗号化通信の開始に失敗",
    "feedback": "迷惑メールとの申告",
    "filtered": "受信側の設定による拒否",
    "hasmoved": "メールアドレスが移転",
    "hostunknown": "ドメイン（＠より後ろ）が存在しない",
    "mailboxfull": "メールボックスの空き容量不足",
    "mailererror": "相手先のメールプログラムのエラー",
    "networkerror": "通信エラー",
    "norelaying": "相手先のサーバーが中継を拒否",
    "notaccept": "相手先がメールを受け取らない",
    "notcompliantrfc": "メールの規格を理由に拒否",
    "onhold": "原因の判断がつかない",
    "policyviolation": "相手先の方針による拒否",
    "ratelimited": "送信数の制限",
    "rejected": "送信元アドレスの拒否",
    "requireptr": "送信元サーバーの逆引き設定による拒否",
    "securityerror": "セキュリティ上の理由による拒否",
    "spamdetected": "迷惑メールと判定された",
    "suppressed": "送信停止の対象",
    "suspend": "相手先のメールアドレスが停止中",
    "syntaxerror": "相手先との通信手順のエラー",
    "systemerror": "相手先のシステムのエラー",
    "systemfull": "相手先のシステムの容量不足",
    "undefined": "原因不明",
    "userunknown": "メールアドレスが存在しない",
    "vacation": "不在の自動応答",
    "virusdetected": "ウイルスと判定された",
    "already-reported": "報告済のため",
    "outside-period": "報告期間外のため",
    "superseded": "次の回の催促を送信するため",
    "withdrawn": "取下げ",
    "recipient-not-allowed": "この環境では送信が許可されていない宛先",
    "no-contact": "都道府県窓口の連絡先が未設定",
    "retries-exhausted": "再送の期限切れ",
    "by-hand": "担当者による登録",
    "pre-check-undelivered": "事前確認メールが不達",
    "pre-check-cancelled": "事前確認メールが取消",
    "pre-check-expired": "事前確認メールが期限切れ",
    "pre-check-suppressed": "事前確認メールが送信停止",
    "guide-cancelled": "G-MIS利用案内メールが取消",
    "guide-expired": "G-MIS利用案内メールが期限切れ",
    "guide-suppressed": "G-MIS利用案内メールが送信停止",
}
"""Why a message failed or was withdrawn."""

WAITING: Mapping[str, str] = {
    "window": "送信できる時間帯（営業日の業務時間）まで待つため",
    "gate": "事前確認メールの翌営業日まで待つため",
    "pre-check": "事前確認メールの結果を待つため",
    "domain-limit": "送信先のメールサービスへの送信量を抑えるため",
    "domain-slowed": "送信先のメールサービスから、送信の間隔をあけるよう求められたため",
    "relay": "メールサーバーにつながらないため",
    "spread": "窓口への電話が集中しないよう、時間を分けて送信するため",
    "stale": "先に送信しているメールに時間がかかっているため",
}
"""Why a message was postponed, or given back."""

RULES: Mapping[str, str] = {
    "immediate": "直ちに送信",
    "business-hours": "営業日の業務時間内に送信",
    "next-business-day-after-pre-check": "事前確認メールの送信完了の翌営業日以降に送信",
}

NOTES: Mapping[str, str] = {
    "mail": "メールを送信する",
    "no-mail-permitted": "報告の権限をもつアカウントが既にあるため、メールは送信しない",
    "no-mail-prefecture-tells": "代理申請で、アカウントが既にあるため、都道府県から案内する（メールは送信しない）",
    "guide-already-sent": "以前にG-MIS利用案内メールを送信している",
    "long-link": "パスワード設定用のURLが長い",
    "guide-expires-first": "パスワード設定用のURLの有効期限が、G-MIS利用案内メールを送信できる時刻より前である",
    "expires-first": "有効期限が、メールを送信できる時刻より前である（メールは送信されない）",
    "deadline-outside-period": "報告の期限が、都道府県の報告期間の外である",
    "outside-period": "送信できる日が、都道府県の報告期間の外である（メールは送信されない）",
}

ROUTES: Mapping[str, str] = {"self": "利用者自らが申請", "prefecture": "都道府県が代理で申請"}
ACCOUNTS: Mapping[str, str] = {
    "none": "アカウントなし",
    "unpermitted": "アカウントあり（報告の権限を新たに付与）",
    "permitted": "アカウントあり（報告の権限あり）",
}
REPORT_STATUSES: Mapping[str, str] = {status.value: status.label for status in ReportStatus}
CHANNELS: Mapping[str, str] = {"online": "G-MISによる報告", "paper": "紙による報告"}
SCOPES: Mapping[str, str] = {"all": "全てのメール", "reminder": "催促のメールのみ"}

MATCHED: Mapping[str, str] = {
    "name": "名称",
    "code": "機関コード",
    "email": "メールアドレス",
    "login-id": "ログインID",
    "application": "申請番号",
}
"""What a search found an institution by."""

REPORT_TYPES: Mapping[str, str] = {
    "bounce": "不達の通知",
    "delay": "遅延の通知",
    "success": "配達の通知",
    "auto-reply": "自動応答",
    "complaint": "迷惑メールの申告",
    "other": "その他",
}

UNMATCHED: Mapping[str, str] = {
    "no-token": "どのメールについての報告か分からない",
    "unknown-message": "該当するメールがこのシステムにない",
    "another-message": "別のメールについての報告",
    "not-a-report": "配信の報告ではない（担当者による返信など）",
    "bad-token": "署名の合わない宛先に届いた",
    "not-processed": "5回試みたが処理できなかった",
}
"""Why a report was tied to no message."""

ACTIONS: Mapping[str, str] = {
    "institution-shown": "報告機関を表示",
    "searched": "検索",
    "sign-in": "ログイン",
    "sign-in-failed": "ログインの失敗",
    "sign-in-locked": "ログインの一時停止",
    "sign-out": "ログアウト",
    "exported": "ファイルに保存",
    "user-created": "利用者を登録",
    "user-disabled": "利用者を停止",
    "user-password-set": "パスワードを設定",
    "token-created": "APIトークンを発行",
    "token-revoked": "APIトークンを失効",
    "message-shown": "メールを表示",
    "messages-listed": "メールの一覧を表示",
    "message-cancelled": "メールを取消",
    "message-resolved": "送信結果を確定",
    "message-resent": "メールを再送",
    "job-cancelled": "メールジョブを取消",
    "job-shown": "メールジョブを表示",
    "address-shown": "メールアドレス全体を表示",
    "address-change-requested": "アドレス変更依頼を登録",
    "address-change-approved": "アドレス変更依頼を承認",
    "address-change-done": "アドレス変更の完了を登録",
    "address-change-rejected": "アドレス変更依頼を却下",
    "address-change-shown": "アドレス変更依頼を表示",
    "address-changes-listed": "アドレス変更依頼の一覧を表示",
    "suppression-added": "送信停止を登録",
    "suppression-released": "送信停止を解除",
    "suppressions-listed": "送信停止の一覧を表示",
    "follow-up-recorded": "不達の連絡を記録",
    "report-shown": "未照合の報告を表示",
}
"""What stands in the audit trail."""

SUBJECTS: Mapping[str, str] = {UNKNOWN_USER: "登録のないユーザー名"}
"""What it holds in place of a name."""

DETAILS: Mapping[str, str] = {
    "action": "操作",
    "actor": "操作した人",
    "addresses": "表示したアドレスの数",
    "fiscal_year": "年度",
    "known_device": "以前にログインした端末",
    "again": "同じ依頼の再度の登録",
    "application_id": "申請番号",
    "as": "新しいメール",
    "channel": "方法",
    "email": "メールアドレス",
    "format": "形式",
    "institution_code": "機関コード",
    "kind": "メール",
    "message": "メール",
    "messages": "メールの数",
    "new_email": "変更後メールアドレス",
    "old_email": "変更前メールアドレス",
    "outcome": "確定した結果",
    "peer": "接続元",
    "prefecture": "都道府県",
    "q": "検索した語句",
    "reason": "理由",
    "result": "結果",
    "role": "役割",
    "scheme": "報告の制度",
    "scope": "対象",
    "settled": "送信完了の確認",
    "since": "開始",
    "state": "状態",
    "status": "状態",
    "subject": "対象",
    "until": "終了",
    "why": "理由",
    "work": "連絡の状況",
}
"""What the audit trail keeps beside an action."""

_NOT_RECOGNISED: Mapping[str, str] = {
    "bad-keys": "認証サーバーの公開鍵を読み取れません",
    "bad-metadata": "認証サーバーの公開情報が正しくありません",
    "bad-signature": "認証サーバーの署名を確認できません",
    "bad-state": "ログイン画面から始められていないか、時間が経ちすぎています",
    "claims-expired-token": "認証結果の有効期限が切れています",
    "claims-invalid": "認証結果の内容が正しくありません",
    "claims-invalid-claim": "認証結果の項目（発行元、宛先、nonceなど）が正しくありません",
    "claims-invalid-token": "認証結果がまだ有効になっていません（サーバーの時刻をご確認ください）",
    "claims-missing-claim": "認証結果に必要な項目がありません",
    "claims-sub": "認証結果の利用者の識別子が正しくありません",
    "issuer-refused": "認証サーバーで認証が完了しませんでした",
    "issuer-unreachable": "認証サーバーに接続できません",
    "no-id-token": "認証サーバーからIDトークンが返されませんでした",
    "no-name": "認証結果に表示できる名前がありません",
    "no-role": "この利用者に割り当てる役割が設定されていません",
}
"""Why somebody could not sign in by way of another office."""

_STATUSES = {state.word: state.label for state in CHOICES.values()}

VALUES: Mapping[str, Mapping[str, str]] = {
    "action": ACTIONS,
    "channel": {each.value: each.label for each in Channel},
    "format": {"csv": "CSV", "ndjson": "NDJSON"},
    "kind": {each.value: each.label for each in Kind},
    "outcome": {"sent": "届いている", "undelivered": "届いていない"},
    "result": {each.value: each.label for each in Result},
    "role": {each.value: label for each, label in ROLE_LABELS.items()},
    "scheme": {each.value: each.label for each in Scheme},
    "scope": SCOPES,
    "settled": {"true": "確認済", "false": "確認中"},
    "state": {
        **{each.value: each.label for each in ChangeState},
        "active": "送信停止中",
        "released": "解除済",
        "all": "全て",
    },
    "status": _STATUSES,
    "why": _NOT_RECOGNISED,
    "work": {"open": "連絡が済んでいないもの", "closed": "連絡済・対応不要", "all": "全て"},
}
"""What codes among these details mean."""
