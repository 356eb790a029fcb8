"""What each problem means and what to do, for the page behind its `type`."""

from __future__ import annotations

from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    "unparsable": "リクエスト本文を JSON として読み取れませんでした。文字コードは UTF-8 とし、同じキーを二度書かず、"
    "NaN や Infinity を含めないでください。",
    "unauthenticated": "Authorization ヘッダーに、有効な API トークンを「Bearer トークン」の形で指定してください。",
    "forbidden": "お使いの API トークンの役割では、この操作はできません。必要な場合は管理者へご相談ください。",
    "forged": "ログインした画面からの操作であることを確認できませんでした。画面を再読み込みしてから、"
    "もう一度操作してください。API から Cookie で操作する場合は、X-CSRF-Token ヘッダーが必要です。",
    "not-found": "指定されたものがないか、お使いの API トークンの役割では参照できません。",
    "method-not-allowed": "この URL では使用できないメソッドです。使用できるものは Allow ヘッダーに示されています。",
    "job-id-reused": "同じ job_id のジョブを、別の内容で既に受け付けています。"
    "新しいジョブには新しい job_id を使用してください。",
    "job-id-unverifiable": "同じ job_id のジョブを既に受け付けていますが、当時の鍵が TODOKE_SECRET_KEYS から"
    "削除されているため、内容が同じかどうかを確認できません。"
    "受け付けたジョブの状況は GET /v1/jobs/{job_id} で確認できます。",
    "already-issued": "アカウント発行及び G-MIS利用案内メールは、1つの申請につき一度限りです。"
    "対応方法は回答の procedure をご覧ください。",
    "resend-impossible": "このメールは再送できません。G-MIS利用案内メールは、どの方法によっても再送できません。"
    "対応方法は回答の procedure をご覧ください。既に再送されたメールの送信が終わっていない場合も、重ねて再送することは"
    "できません。再送されたメールの ID は回答の message_id に示します。",
    "not-cancellable": "取り消せるのは、保留、送信予約又は再送待ちのメールに限ります。",
    "not-in-doubt": "送信結果を確定できるのは、送信結果不明のメールに限ります。",
    "not-undelivered": "連絡の記録を登録できるのは、不達のメールに限ります。",
    "already-suppressed": "同じ報告機関の同じメールアドレスについて、送信停止が既に登録されています。",
    "already-released": "この送信停止は既に解除されているため、改めて解除する必要はありません。"
    "解除した日時と操作した人は、回答の detail をご覧ください。",
    "nothing-to-cancel": "このジョブのメールは、既に全て送信済みか送信中、又は送信が終わっています。",
    "reapply-instead": "事前確認メール又は G-MIS利用案内メールが不達となった報告機関では、"
    "メールアドレスの変更ではなく、新しいメールアドレスでの「新規ユーザ登録申請」が必要です。"
    "対応方法は回答の procedure をご覧ください。",
    "ambiguous-institution": "同じ都道府県に、同じ名称の報告機関が複数あります。回答の candidates から選び、"
    "institution_code を指定して、もう一度送信してください。",
    "already-requested": "同じ報告機関について、変更後メールアドレスが同じで変更前メールアドレスが異なる依頼が、"
    "まだ完了していません。回答の address_change_id の依頼をご確認ください。",
    "change-not-requested": "承認できるのは、依頼受付の状態にある変更依頼に限ります。",
    "change-not-approved": "完了を登録できるのは、承認済の変更依頼に限ります。先に承認してください。"
    "完了の登録は、1つの依頼につき一度限りです。",
    "change-not-open": "却下できるのは、依頼受付又は承認済の変更依頼に限ります。",
    "too-large": "本文の大きさ又は件数が上限を超えています。分けて送信してください。",
    "invalid": "errors に示す項目を修正して、もう一度送信してください。",
    "unknown-field": "errors に示す項目は定義されていません。項目名の綴りをご確認ください。",
    "another-institution": "この申請番号は、別の機関コードで登録されています。申請番号と機関コードをご確認ください。",
    "not-by-rule": "申請方法（route）とアカウントの状態（account）の組合せにより、"
    "このメールは送信しないこととなっています。",
    "not-for-this-route": "都道府県の代理申請では、認証コード、申請完了及び却下のメールを報告機関に送信しません。",
    "no-pre-check": "G-MIS利用案内メールの前に、同じ申請の事前確認メールが必要です。",
    "recipient-differs": "G-MIS利用案内メールは、事前確認メールと同じ宛先に限り送信できます。",
    "pre-check-undelivered": "事前確認メールが正常に配信されていないため、G-MIS利用案内メールは送信できません。"
    "新しいメールアドレスでの再申請が必要です。",
    "no-contact": "都道府県窓口の連絡先が設定されるまで、この都道府県の報告機関へのメールは受け付けられません。",
    "paper-channel": "紙で報告することとなっている報告機関には、メールを送信しません。",
    "already-reminded": "同じ回の催促メールは、1つの報告機関につき一度限りです。",
    "out-of-range": "営業日を計算できる期間（1949年から2099年まで）の外となります。",
    "internal": "サーバー側の不具合です。時間をおいて再度お試しいただき、続く場合は管理者へご連絡ください。",
    "unavailable": "データベースに接続できません。Retry-After ヘッダーの秒数が経過した後、もう一度送信してください。"
    "同じ job_id であれば、二重に受け付けることはありません。",
}
