// The list, its filters, the live connection, and the routes #/, #/mail/<id>/<tab>, #/activity, #/help.

import { byId, copy, el, getJson, label, remove, shortTime, toast } from "./dom.js";
import { showMail } from "./mail.js";

const PAGE = 100;
const state = { items: [], next: null, selected: null, generation: null, about: null, kinds: new Map() };

function query(extra = {}) {
  const filters = Object.fromEntries(new FormData(byId("filters")));
  const given = Object.entries({ ...filters, ...extra }).filter(([, value]) => String(value).trim());
  return new URLSearchParams(given.map(([key, value]) => [key, String(value).trim()]));
}

const filtered = () => [...query().keys()].length > 0;

async function load() {
  const asked = query({ limit: PAGE }).toString();
  const page = await getJson(`/api/v1/messages?${asked}`);
  if (asked === query({ limit: PAGE }).toString()) show(page.items, page.next);
}

/** New mails go on top of what is shown; older pages that were loaded stay. */
async function merge() {
  const page = await getJson(`/api/v1/messages?${query({ limit: PAGE })}`);
  const known = new Set(page.items.map((mail) => mail.id));
  const older = state.items.filter((mail) => !known.has(mail.id));
  const connected = page.items.length < PAGE || state.items.some((mail) => known.has(mail.id));
  if (connected) show([...page.items, ...older], older.length ? state.next : page.next);
  else show(page.items, page.next);
}

async function loadMore() {
  const page = await getJson(`/api/v1/messages?${query({ limit: PAGE, cursor: state.next })}`);
  show([...state.items, ...page.items], page.next);
}

function show(items, next) {
  Object.assign(state, { items, next });
  byId("mails").replaceChildren(...items.map(row));
  byId("more").hidden = next === null;
  byId("filtered").hidden = !filtered();
  const empty = byId("empty");
  empty.hidden = items.length > 0;
  if (!empty.hidden) empty.replaceChildren(...(filtered() ? noMatch() : welcome()));
}

function row(mail) {
  return el("li", {}, el("a", {
    href: `#/mail/${encodeURIComponent(mail.id)}`, class: "mail", "aria-current": mail.id === state.selected ? "true" : null },
  el("span", { class: "to" }, mail.to.join(", ")),
  el("time", { datetime: mail.received_at, title: mail.received_at }, shortTime(mail.received_at)),
  el("span", { class: "subject" }, mail.subject || "（件名なし）"),
  mail.kind ? el("span", { class: "chip", title: state.kinds.get(mail.kind) }, mail.kind) : null));
}

const noMatch = () => label("条件に合うメールはありません。", "No mail matches.");

const welcome = () => [
  el("p", {}, ...label("メールを待っています。", "Waiting for mail.")),
  el("p", {}, "SMTP ", el("code", {}, state.about?.smtp ?? "…")),
  el("p", {}, el("a", { href: "#/help" }, ...label("シミュレータアドレスの使い方", "Simulator addresses")))];

function route() {
  const [, page, id, tab] = location.hash.split("/").map(decodeURIComponent);
  state.selected = page === "mail" ? id : null;
  document.body.dataset.page = page || "list";
  for (const link of document.querySelectorAll(".mail")) {
    link.toggleAttribute("aria-current", link.getAttribute("href") === `#/mail/${encodeURIComponent(id ?? "")}`);
  }
  const pages = { mail: () => showMail(id, tab, state.kinds), activity: showActivity, help: showHelp };
  return (pages[page] ?? showHelp)();
}

const back = () => el("a", { class: "back", href: "#/" }, "← 一覧 ", el("small", {}, "List"));

async function showActivity() {
  const asked = location.hash;
  const { items } = await getJson("/api/v1/activity");
  if (asked !== location.hash) return;
  const rows = items.map((each) => el("tr", {},
    el("td", { class: "mono" }, shortTime(each.at)), el("td", {}, el("span", { class: `chip ${each.type}` }, each.type)),
    el("td", { class: "mono" }, each.mail_id ? el("a", { href: `#/mail/${each.mail_id}` }, each.address) : each.address),
    el("td", {}, each.detail)));
  byId("detail").replaceChildren(back(), el("h1", {}, ...label("できごと", "Activity")),
    el("p", { class: "lead" }, ...label("拒否・遅延・切断・通知の記録です。", "Refusals, late answers, cut connections and reports, newest first.")),
    rows.length ? el("div", { class: "scroll" }, el("table", {}, el("tbody", {}, ...rows)))
      : el("p", { class: "empty" }, ...label("まだ何もありません。", "Nothing yet.")));
}

function showHelp() {
  const about = state.about;
  if (!about) return;
  byId("detail").replaceChildren(back(), el("h1", {}, ...label("使い方", "Help")), ...whereabouts(about), ...simulators(about), ...apiHelp());
}

const whereabouts = (about) => [
  el("p", { class: "lead" }, ...label("このサーバーはメールをすべて受け取り、どこにも配送しません。", "This server captures every mail and delivers none.")),
  el("dl", { class: "facts" },
    el("dt", {}, "SMTP"), el("dd", { class: "mono" }, about.smtp, " — 認証・暗号化なし no TLS; any user and password"),
    el("dt", {}, ...label("通知の送り先", "--bounces-to")),
    el("dd", { class: "mono" }, about.bounces_to ?? "なし not set: reports are only shown with their mail"),
    el("dt", {}, ...label("保存先", "--store")), el("dd", { class: "mono" }, about.store ?? "メモリ in memory"))];

const simulators = (about) => [
  el("h2", {}, ...label("シミュレータアドレス", "Simulator addresses")),
  el("p", {}, "宛先のローカル部で動作が決まります。ドメインは任意です。", el("br"),
    el("small", {}, "The recipient's local part decides; any domain. Prefix ", el("code", {}, "<kind>."),
      " (", el("code", {}, "guide.bounce-5.1.1+x@…"), ") limits it to mails whose X-Todoke-Kind is that kind; a refusal then comes after the final dot. ",
      "Reports go to the envelope sender.")),
  el("div", { class: "scroll" }, el("table", { class: "simulators" }, el("tbody", {}, ...about.simulator.map((each) => el("tr", {},
    el("td", {}, el("code", {}, each.local_part)), el("td", {}, each.effect_ja, el("br"), el("small", {}, each.effect)),
    el("td", {}, el("button", { class: "button quiet", type: "button", onclick: () => copy(each.example) }, ...label("コピー", "Copy")))))))),
  el("p", {}, el("small", {}, `Kinds: ${about.kinds.map((each) => `${each.kind} ${each.label}`).join(" / ")}`))];

const API_LINES = `GET    /api/v1/messages?to=&subject=&kind=&since=&limit=&cursor=&wait=SECONDS
GET    /api/v1/messages/{id}        headers, text, html, links, attachments
GET    /api/v1/messages/{id}/raw    as received
DELETE /api/v1/messages/{id}
DELETE /api/v1/messages             all; or those of ?to= &subject= &kind= &since=`;

const apiHelp = () => [
  el("h2", {}, "API"), el("pre", { class: "mono" }, API_LINES),
  el("p", {}, el("small", {}, "With wait=10 the answer is held until a mail matches, for up to 10 seconds: no polling in tests. "
    + "Python projects get the pytest fixture todoke_sink by installing todoke."))];

/** Runs one task at a time; calls that come meanwhile make it run once more. */
function coalesced(task) {
  let running = false;
  let again = false;
  return async () => {
    again = running;
    if (running) return;
    running = true;
    try { await task(); } catch (error) { toast(`読み込めませんでした ${error.message}`); }
    running = false;
    if (again) refresh();
  };
}

const refresh = coalesced(async () => {
  await (state.reload ? load() : merge());
  state.reload = false;
  if (document.body.dataset.page === "activity") await showActivity();
});

function listen() {
  const source = new EventSource("/api/v1/live");
  source.onopen = () => liveness(true);
  source.onerror = () => liveness(false);
  source.onmessage = (event) => {
    const standing = JSON.parse(event.data);
    byId("count").textContent = standing.total.toLocaleString("ja-JP");
    state.reload ||= standing.generation !== state.generation;
    state.generation = standing.generation;
    refresh();
  };
}

function liveness(up) {
  byId("live").classList.toggle("up", up);
  byId("live-text").textContent = up ? "自動更新中 live" : "切断 reconnecting";
}

async function clearAll() {
  const dialog = byId("confirm");
  dialog.returnValue = "no";
  dialog.showModal();
  await new Promise((resolve) => { dialog.addEventListener("close", resolve, { once: true }); });
  if (dialog.returnValue !== "yes") return;
  await remove("/api/v1/messages");
  location.hash = "#/";
  toast("すべて削除しました All deleted");
}

function filterSoon() {
  clearTimeout(state.timer);
  state.timer = setTimeout(() => { state.reload = true; refresh(); }, 200);
}

async function start() {
  state.about = await getJson("/api/v1/sink");
  state.kinds = new Map(state.about.kinds.map((each) => [each.kind, each.label]));
  byId("where").textContent = `SMTP ${state.about.smtp}`;
  byId("filters").elements.kind.append(...state.about.kinds.map((each) =>
    el("option", { value: each.kind }, `${each.kind} ${each.label}`)));
  byId("filters").addEventListener("input", filterSoon);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("more").addEventListener("click", () => loadMore().catch((error) => toast(error.message)));
  byId("clear").addEventListener("click", () => clearAll().catch((error) => toast(error.message)));
  window.addEventListener("hashchange", route);
  listen();
  await route();
}

start().catch((error) => toast(`起動できませんでした ${error.message}`));
