// One mail: who, what, and the tabs text / HTML / headers / source / links.

import { byId, copy, el, getJson, isWebLink, label, remove, size, toast } from "./dom.js";

const TABS = [
  ["text", "本文", "Text"],
  ["html", "HTML", "HTML"],
  ["links", "リンク", "Links"],
  ["headers", "ヘッダー", "Headers"],
  ["source", "ソース", "Source"],
];

const api = (id) => `/api/v1/messages/${encodeURIComponent(id)}`;

export async function showMail(id, tab, kinds) {
  const asked = location.hash;
  const content = await viewOf(id, tab, kinds);
  if (asked === location.hash) byId("detail").replaceChildren(backLink(), ...content);
}

async function viewOf(id, tab, kinds) {
  let mail;
  try {
    mail = await getJson(api(id));
  } catch (error) {
    return [el("p", { class: "empty" }, ...gone(error))];
  }
  const current = TABS.some(([name]) => name === tab) ? tab : defaultTab(mail);
  return [summary(mail, kinds), ...remarks(mail), tabs(mail, current), await panel(mail, current)];
}

const gone = (error) => (error.status === 404
  ? label("このメールはもうありません。", "This mail is gone.")
  : label("読み込めませんでした。", `Could not load: ${error.message}`));

const backLink = () => el("a", { class: "back", href: "#/" }, "← 一覧 ", el("small", {}, "List"));

const defaultTab = (mail) => (mail.text || !mail.html ? "text" : "html");

function summary(mail, kinds) {
  return el("header", { class: "summary" },
    el("h1", {}, mail.subject || "（件名なし） no subject"),
    el("dl", { class: "facts" },
      ...fact("差出人", "From", mail.headers.From || "—"),
      ...fact("宛先", "To", mail.headers.To || "—"),
      ...fact("封筒", "Envelope", `<${mail.from}> → ${mail.to.map((to) => `<${to}>`).join(" ")}`, "mono"),
      ...fact("受信", "Received", `${mail.received_at}　${size(mail.size)}`, "mono"),
      ...(mail.kind ? fact("種類", "Kind", kindText(mail.kind, kinds)) : [])),
    el("div", { class: "row" },
      el("a", { class: "button quiet", href: `${api(mail.id)}/raw`, download: `${mail.id}.eml` }, ...label("保存", ".eml")),
      el("button", { class: "button quiet", type: "button", onclick: () => discard(mail) }, ...label("削除", "Delete"))));
}

const fact = (japanese, english, value, style) => [
  el("dt", {}, ...label(japanese, english)), el("dd", { class: style }, value)];

const kindText = (kind, kinds) => (kinds.get(kind) ? `${kinds.get(kind)}（${kind}）` : kind);

async function discard(mail) {
  try {
    await remove(api(mail.id));
    toast("削除しました Deleted");
    location.hash = "#/";
  } catch (error) {
    toast(`削除できませんでした Not deleted: ${error.message}`);
  }
}

function remarks(mail) {
  const lines = [
    ...mail.simulator.map((each) => note(each.applied ? "act" : "idle", simulated(each))),
    ...mail.reports.map((each) => note(each.state === "sent" ? "act" : "warn", reported(each))),
    ...mail.hints.map((each) => note("warn", [each.text])),
  ];
  return lines.length ? [el("ul", { class: "notes" }, ...lines)] : [];
}

const note = (style, children) => el("li", { class: style }, ...children);

const simulated = (each) => [
  el("b", {}, each.rule), ` ${each.recipient}`, each.applied ? "" : " — 対象の種類ではないため何もしません not of its kind, no effect"];

const reported = (each) => [
  el("b", {}, `${each.type} report`), ` → ${each.to} `, el("span", { class: "chip" }, each.state), ` ${each.answer || ""} `,
  each.raw ? el("a", { href: each.raw }, "source") : null];

function tabs(mail, current) {
  const counts = { links: mail.links.length, headers: Object.keys(mail.headers).length };
  return el("nav", { class: "tabs", role: "tablist" }, ...TABS.map(([name, japanese, english]) =>
    el("a", {
      href: `#/mail/${encodeURIComponent(mail.id)}/${name}`, role: "tab", "aria-selected": String(name === current),
      class: (name === "html" && !mail.html) || (name === "text" && !mail.text) ? "none" : null,
    }, japanese === english ? japanese : label(japanese, english), name in counts ? el("i", {}, String(counts[name])) : null)));
}

async function panel(mail, tab) {
  const body = el("div", { class: `panel ${tab}`, role: "tabpanel" });
  body.append(...await PANELS[tab](mail));
  return body;
}

const nothing = (japanese, english) => [el("p", { class: "empty" }, ...label(japanese, english))];

const PANELS = {
  text: async (mail) => [
    ...(mail.text ? [el("pre", { class: "prose" }, ...linked(mail.text))] : nothing("テキスト本文はありません。", "No text part.")),
    ...attachments(mail)],
  html: async (mail) => (mail.html
    ? [el("small", {}, "外部の画像・スクリプトは読み込みません。 Remote content and scripts are blocked."),
      el("iframe", { sandbox: true, referrerpolicy: "no-referrer", title: "HTML", src: `/mail/${encodeURIComponent(mail.id)}/html` })]
    : nothing("HTML 本文はありません。", "No HTML part.")),
  links: async (mail) => (mail.links.length ? [el("ul", { class: "rows" }, ...mail.links.map(linkRow))]
    : nothing("リンクはありません。", "No links.")),
  headers: async (mail) => [el("dl", { class: "headers mono" }, ...Object.entries(mail.headers).flatMap(([name, value]) =>
    value.split("\n").flatMap((line) => [el("dt", {}, name), el("dd", {}, line)])))],
  source: async (mail) => [el("pre", { class: "mono" }, await source(mail))],
};

async function source(mail) {
  const response = await fetch(`${api(mail.id)}/raw`);
  const text = await response.text();
  const shownCharacters = 500_000;
  return text.length > shownCharacters ? `${text.slice(0, shownCharacters)}\n… (${size(mail.size)}; save the .eml for all of it)` : text;
}

// Links end where sink/reading.py has them end.
const URLS = /(https?:\/\/[^\s<>"'`{}|\\^\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]+)/i;
const AFTER_URL = ".,;:!?)]";

const linked = (text) => text.split(URLS).flatMap((piece, place) => (place % 2 ? linkAndRest(piece) : [piece]));

function linkAndRest(piece) {
  let end = piece.length;
  while (AFTER_URL.includes(piece[end - 1])) end -= 1;
  return [anchor(piece.slice(0, end)), piece.slice(end)];
}

const anchor = (url) => el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, url);

const linkRow = (url) => el("li", {},
  isWebLink(url) ? anchor(url) : url,
  el("span", { class: "chip" }, `${url.length} 文字`),
  el("button", { class: "button quiet", type: "button", onclick: () => copy(url) }, ...label("コピー", "Copy")));

function attachments(mail) {
  if (!mail.attachments.length) return [];
  return [el("h2", {}, ...label("添付", "Attachments")), el("ul", { class: "rows" }, ...mail.attachments.map((each) =>
    el("li", {}, el("a", { href: each.url, download: true }, each.filename || each.content_type),
      el("span", { class: "chip" }, `${each.content_type} ${size(each.size)}`))))];
}
