// What the pages need besides htmx: the keyboard, where the focus goes, and news while a page is looked at.
"use strict";

const isTyping = (element) => element.matches("input, textarea, select, [contenteditable]");

// "/" goes to the search box, unless somebody is typing.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const search = document.getElementById("q");
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});

// Printing is offered where it can be done.
for (const button of document.querySelectorAll("[data-print]")) button.hidden = false;

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});

// A refusal is an answer to be read: it is shown where the good answer would have stood.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.status >= 400 && xhr.getResponseHeader("X-Piece")) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});

// The session is over: the browser goes and sees for itself.
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status === 401) window.location.reload();
});

document.addEventListener("htmx:afterSwap", (event) => {
  const { target, requestConfig } = event.detail;
  if (requestConfig?.triggeringEvent?.type === "fresh") return;
  target.querySelector("[data-focus]")?.focus();
  if (target.id === "procedure") tellProcedure(event.detail.pathInfo.finalRequestPath, target);
});

// The picker shows which symptom the procedure is for, however it was chosen, and a screen reader hears of it.
function tellProcedure(path, target) {
  const symptom = new URL(path, location.href).searchParams.get("symptom");
  for (const link of document.querySelectorAll("[data-symptom]")) {
    if (link.dataset.symptom === symptom) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const select = document.getElementById("symptom");
  if (select) select.value = symptom;
  const title = target.querySelector("h2");
  const announce = document.getElementById("announce");
  if (title && announce) announce.textContent = `対応方法：${title.textContent}`;
}

// News come by server-sent events, and only while the page is looked at: a browser keeps few connections to a host.
let news = null;

function listen() {
  const place = document.querySelector("[data-live]")?.dataset.live;
  if (!place || news || document.hidden) return;
  news = new EventSource(place);
  news.addEventListener("changed", fetchAnew);
  news.addEventListener("ended", stopListening);
}

function stopListening() {
  news?.close();
  news = null;
}

function fetchAnew() {
  for (const element of document.querySelectorAll("[data-fresh]")) htmx.trigger(element, "fresh");
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    stopListening();
  } else if (!news) {
    fetchAnew();
    listen();
  }
});
document.addEventListener("DOMContentLoaded", listen);
window.addEventListener("pagehide", stopListening);
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    fetchAnew();
    listen();
  }
});
