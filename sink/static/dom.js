// Small helpers. Text always goes in as text, never as markup: mails are hostile until proven otherwise.

export const byId = (id) => document.getElementById(id);

/** An element with attributes and children; strings become text nodes. */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A Japanese label with its English gloss. */
export const label = (japanese, english) => [japanese, " ", el("small", {}, english)];

export async function getJson(path) {
  const response = await fetch(path, { headers: { Accept: "application/json" } });
  const body = await response.json();
  if (!response.ok) throw Object.assign(new Error(body.title || response.statusText), { status: response.status });
  return body;
}

export async function remove(path) {
  const response = await fetch(path, { method: "DELETE" });
  if (!response.ok) throw new Error(response.statusText);
}

let toastTimer;

export function toast(text) {
  const box = byId("toast");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { box.hidden = true; }, 2500);
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("コピーしました Copied");
  } catch {
    window.prompt("コピーしてください Copy this", text);
  }
}

export function size(octets) {
  if (octets < 1024) return `${octets} B`;
  return octets < 1024 * 1024 ? `${(octets / 1024).toFixed(1)} KB` : `${(octets / 1024 / 1024).toFixed(1)} MB`;
}

/** "14:03:21" for today, "11/24 14:03" before. Times are shown as the sink gives them, in Japan's time. */
export function shortTime(received) {
  const [day, time] = [received.slice(0, 10), received.slice(11, 19)];
  const today = new Date(Date.now() + 9 * 3600e3).toISOString().slice(0, 10);
  return day === today ? time : `${day.slice(5).replace("-", "/")} ${time.slice(0, 5)}`;
}

/** Only web links may become links. */
export const isWebLink = (url) => /^https?:\/\//i.test(url);
