/* Enhancement only: every page reads and every form submits without it. Loaded in <head> so that the theme is set before paint. */
(() => {
  const root = document.documentElement;
  const $ = (selector, within = document) => within.querySelector(selector);
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
  const kept = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const theme = new URLSearchParams(location.search).get("theme") || kept("theme") || "system";
  if (theme !== "system") root.dataset.theme = theme;

  const say = (text) => {
    const box = $(".toasts");
    if (!box) return;
    const toast = document.createElement("div");
    toast.textContent = text;
    box.append(toast);
    setTimeout(() => toast.remove(), 4000);
  };

  /* ---- keys ---- */
  const typing = (element) => element.closest("input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]");
  const move = (by) => {
    const rows = $$("tr[data-href]");
    if (!rows.length) return;
    const at = rows.findIndex((row) => row.getAttribute("aria-current") === "true");
    rows[at]?.removeAttribute("aria-current");
    const row = rows[Math.max(0, Math.min(rows.length - 1, at + by))];
    row.setAttribute("aria-current", "true");
    $("a", row)?.focus();
  };
  // What a search field holds is selected, so that typing replaces it.
  const search = (field) => { field?.focus(); field?.select(); };
  const acts = {
    "/": () => search($("main input[type=search]") ?? $("#jump")),
    j: () => move(1),
    k: () => move(-1),
    g: () => { chord = Date.now(); },
    "?": () => $("#keys")?.showPopover(),
    r: () => $("[data-key=redeliver]")?.click(),
    c: () => $("[data-key=create]")?.click(),
    p: () => $("[data-key=pause]")?.click(),
    x: () => $("tr[aria-current=true] input[type=checkbox]")?.click(),
  };
  let chord = 0;
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "k") { event.preventDefault(); search($("#jump")); return; }
    if (event.altKey || event.ctrlKey || event.metaKey || typing(event.target)) return;
    if (Date.now() - chord < 900) {
      const link = /^[a-z]$/.test(event.key) && $(`.side a[data-key="${event.key}"]`);
      if (link) { chord = 0; link.click(); return; }
    }
    if (acts[event.key]) { event.preventDefault(); acts[event.key](); }
  });

  /* ---- clicks: copy, tabs, rows ---- */
  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      const text = copy.dataset.copyText ?? $(copy.dataset.copy)?.textContent ?? "";
      try { await navigator.clipboard.writeText(text.trim()); say("Copied"); } catch { say("Could not copy: select the text instead"); }
      return;
    }
    const tab = event.target.closest("[role=tab]");
    if (tab) {
      for (const other of $$("[role=tab]", tab.parentElement)) {
        other.setAttribute("aria-selected", other === tab);
        other.tabIndex = other === tab ? 0 : -1;
        document.getElementById(other.getAttribute("aria-controls")).hidden = other !== tab;
      }
      return;
    }
    const pause = event.target.closest("[data-key=pause]");
    if (pause) {
      const paused = pause.getAttribute("aria-pressed") !== "true", dot = $("#live-state");
      pause.setAttribute("aria-pressed", paused);
      $("span", pause).textContent = paused ? "Resume" : "Pause";
      dot.toggleAttribute("data-state", paused);
      if (paused) dot.dataset.state = "paused";
      dot.textContent = paused ? "Paused: newer rows are held" : "Connected";
      return;
    }
    const row = event.target.closest("tr[data-href]");
    if (row && !event.target.closest("a, button, input, label, summary") && !String(getSelection())) $("a", row).click();
  });
  document.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key], tab = event.target.closest?.("[role=tab]");
    if (!step || !tab) return;
    const tabs = $$("[role=tab]", tab.parentElement), next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    next.focus();
    next.click();
  });
  // A phone that is shown for people is copied as E.164.
  document.addEventListener("copy", (event) => {
    const text = String(getSelection()).trim();
    const phone = text && $$("[data-phone]").find((one) => one.textContent.trim() === text && getSelection().containsNode(one, true));
    if (phone) {
      event.clipboardData.setData("text/plain", phone.dataset.phone);
      event.preventDefault();
    }
  });

  /* ---- changes: theme, check all, forms that submit themselves ---- */
  document.addEventListener("change", (event) => {
    const field = event.target;
    if (field.name === "theme") {
      if (field.value === "system") delete root.dataset.theme; else root.dataset.theme = field.value;
      try { localStorage.setItem("theme", field.value); } catch { /* private mode */ }
    }
    if (field.matches("[data-check-all]")) for (const box of $$(`input[name="${field.dataset.checkAll}"]`)) box.checked = field.checked;
    if (field.matches("[data-submit]")) field.form.requestSubmit();
  });

  /* ---- forms are sent once: a second click would do it again ---- */
  let sent = new WeakSet();
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (sent.has(form)) { event.preventDefault(); return; }
    sent.add(form);
    // Whoever stopped the browser may try again.
    setTimeout(() => sent.delete(form), 10000);
  });
  addEventListener("pageshow", () => { sent = new WeakSet(); });

  /* ---- the picker's sample ---- */
  const sample = (event) => {
    const option = event.target.closest?.("[data-event]");
    const from = option && document.getElementById("sample-" + option.dataset.event);
    if (!from) return;
    $("#sample pre code").replaceChildren(from.content.cloneNode(true));
    for (const name of $$("[data-sample-name]")) name.textContent = option.dataset.event;
  };
  document.addEventListener("pointerover", sample);
  document.addEventListener("focusin", sample);

  // Polling rests while the tab is hidden, and on the live page while paused.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const element = event.detail.elt, polls = /every/.test(element.getAttribute("hx-trigger") || "");
    if (polls && (document.hidden || (element.id === "live-rows" && $("[data-key=pause][aria-pressed=true]")))) event.preventDefault();
  });

  const connected = (yes) => {
    const dot = $("#live-state");
    if (!dot || dot.dataset.state === "paused") return;
    dot.toggleAttribute("data-state", !yes);
    if (!yes) dot.dataset.state = "off";
    dot.textContent = yes ? "Connected" : "No connection: resumes by itself";
  };
  document.addEventListener("htmx:sendError", () => connected(false));
  // What stands before a server that is away answers in its place.
  document.addEventListener("htmx:afterOnLoad", (event) => connected(event.detail.xhr.status < 500));

  /* ---- times ---- */
  const pad = (number) => String(number).padStart(2, "0");
  const span = (seconds) => seconds >= 2 * 86400 ? `${Math.floor(seconds / 86400)} days`
    : seconds >= 3600 ? `${Math.floor(seconds / 3600)} h ${pad(Math.floor(seconds / 60) % 60)} m`
    : seconds >= 60 ? `${Math.floor(seconds / 60)} m ${pad(seconds % 60)} s` : `${seconds} s`;
  const count = () => {
    for (const element of $$("[data-until]")) {
      const seconds = Math.round((Date.parse(element.dataset.until) - Date.now()) / 1000);
      if (Number.isFinite(seconds)) element.textContent = seconds > 0 ? span(seconds) : "a moment";
    }
  };
  // The server writes UTC; the viewer reads the time of their own zone, and finds UTC in the title.
  const localize = (within) => {
    for (const element of $$("time[data-local]", within)) {
      const moment = new Date(element.dateTime);
      if (isNaN(moment)) continue;
      const today = moment.toDateString() === new Date().toDateString();
      const clock = moment.toLocaleTimeString("en-GB", { hour12: false });
      const day = moment.toLocaleDateString("en-GB", { day: "numeric", month: "short", ...(moment.getFullYear() !== new Date().getFullYear() && { year: "numeric" }) });
      element.textContent = element.dataset.local === "hour" ? clock.slice(0, 5) : element.dataset.local === "day" ? day : today ? clock : `${day} ${clock}`;
    }
    for (const title of $$("title[data-hour]", within)) {
      const clock = new Date(title.dataset.hour).toLocaleTimeString("en-GB", { hour12: false });
      title.textContent = title.textContent.replace(/^\d\d:\d\d UTC/, clock.slice(0, 5));
    }
  };
  document.addEventListener("htmx:load", (event) => { localize(event.detail.elt); count(); });

  document.addEventListener("DOMContentLoaded", () => {
    for (const field of $$("[name=theme]")) field.checked = field.value === theme;
    $("main [aria-invalid=true]")?.focus();
    for (const toast of $$(".toasts > div:not([data-tone=bad], [data-stays])")) setTimeout(() => toast.remove(), 6000);
    localize(document);
    setInterval(count, 1000);
  });
})();
