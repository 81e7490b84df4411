// What the page does by itself: swaps in what the server has drawn anew, sends what people do, and lets clocks run.
// Everything else - what there is to see, and what may be done about it - is drawn and decided on the server.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const seat = () => new URLSearchParams(location.search);
  const who = () => document.body.dataset.who;

  // --- swapping -----------------------------------------------------------------------------------------------------
  // Children with a key that look the same stay the nodes they are, so that focus, selection and what screen readers
  // have read already are left alone.
  const drawn = new WeakMap();

  function swap(region, html) {
    const before = document.activeElement?.id;
    const box = document.createElement("template");
    box.innerHTML = html;
    const fresh = [...box.content.children];
    const old = new Map([...region.children].filter((it) => it.dataset.key).map((it) => [it.dataset.key, it]));
    const wanted = fresh.map((it) => {
      const text = it.outerHTML;
      const kept = old.get(it.dataset.key);
      if (kept && drawn.get(kept) === text) return kept;
      drawn.set(it, text);
      return it;
    });
    for (const it of [...region.children]) if (!wanted.includes(it)) it.remove();
    wanted.forEach((it, place) => {
      if (region.children[place] !== it) region.insertBefore(it, region.children[place] ?? null);
    });
    if (before && document.activeElement?.id !== before) $(before)?.focus({ preventScroll: true });
    localise(region);
  }

  function show(regions) {
    const scroll = $("scroll");
    const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
    for (const [id, html] of Object.entries(regions)) swap($(id), html);
    document.body.classList.toggle("threaded", $("thread").childElementCount > 0);
    if ("messages" in regions && atEnd) scroll.scrollTop = scroll.scrollHeight;
    const modal = $("modals").querySelector("dialog");
    if (modal && !modal.open) {
      modal.showModal();
      modal.querySelector("input, select, textarea")?.focus();
    }
    tick();
  }

  // --- live updates and going somewhere -------------------------------------------------------------------------------
  let live;

  function listen() {
    live?.close();
    live = new EventSource("/live" + location.search);
    live.onmessage = (event) => {
      document.body.dataset.live = "yes";
      show(JSON.parse(event.data));
    };
    live.onerror = () => delete document.body.dataset.live;
  }

  function go(address, isNew) {
    if (isNew) history.pushState(null, "", address);
    document.body.dataset.who = seat().get("as") ?? who();
    delete document.body.dataset.live;
    $("scroll").scrollTop = 1e9;
    pane("talk");
    offer("");
    listen();
  }
  addEventListener("popstate", () => go(location.href, false));

  // --- telling the server -----------------------------------------------------------------------------------------------
  async function send(path, fields) {
    try {
      const answer = await fetch(path, { method: "POST", body: new URLSearchParams(fields) });
      if (!answer.ok) return toast(await answer.text());
      const outcome = answer.status === 204 ? {} : await answer.json();
      if (outcome.toast) toast(outcome.toast);
      return outcome;
    } catch {
      toast("The playground does not answer. Is it still running?");
    }
  }

  let fading;
  function toast(text) {
    $("toast").textContent = text;
    $("toast").hidden = false;
    clearTimeout(fading);
    fading = setTimeout(() => ($("toast").hidden = true), 8000);
  }

  async function press(button) {
    const it = button.dataset;
    if (it.confirm !== undefined && !(await sure(it))) return;
    if (it.url) window.open(it.url, "_blank", "noopener");
    button.setAttribute("aria-busy", "true");
    await send("/act/press", {
      as: who(), kind: it.press, place: it.place, channel: it.channel ?? "", block: it.block, action: it.action,
    });
    button.removeAttribute("aria-busy");
  }

  function sure(it) {
    const dialog = $("confirm");
    $("confirm-title").textContent = it.confirm;
    $("confirm-text").textContent = it.confirmText;
    $("confirm-yes").textContent = it.confirmYes;
    $("confirm-no").textContent = it.confirmNo;
    dialog.returnValue = "no";
    dialog.showModal();
    return new Promise((done) =>
      dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
  }

  async function submit(form) {
    const fields = [["as", who()], ["view", form.dataset.submit]];
    for (const [name, value] of new FormData(form)) fields.push(["field:" + name, value]);
    const outcome = await send("/act/submit", fields);
    form.querySelectorAll(".error").forEach((it) => (it.textContent = ""));
    const errors = Object.entries(outcome?.errors ?? {});
    for (const [block, text] of errors) {
      const error = $("e-" + block);
      if (error) error.textContent = text;
    }
    if (errors.length) $("f-" + errors[0][0])?.focus();
  }

  const close = (view) => send("/act/close", { as: who(), place: view });

  document.addEventListener("click", (event) => {
    const on = (selector) => event.target.closest(selector);
    let it;
    if ((it = on("a[data-go]")) && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
      event.preventDefault();
      go(it.href, true);
    } else if ((it = on("[data-press]"))) press(it);
    else if ((it = on("[data-close]"))) close(it.dataset.close);
    else if ((it = on("[data-dismiss]"))) send("/act/dismiss", { as: who(), place: it.dataset.dismiss });
    else if ((it = on("button[data-lever]"))) send("/lever/" + it.dataset.lever, { to: it.dataset.to });
    else if ((it = on("[data-tab]"))) pane(it.dataset.tab);
    else if ((it = on("#options [data-text]"))) take(it);
  });
  document.addEventListener("change", (event) => {
    const it = event.target.closest("select[data-lever]");
    if (it) send("/lever/" + it.dataset.lever, { to: it.value });
  });
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.submit) {
      event.preventDefault();
      submit(event.target);
    }
  });
  // Escape closes a modal in Slack as well; the server has to know.
  document.addEventListener("cancel", (event) => {
    if (!event.target.dataset?.modal) return;
    event.preventDefault();
    close(event.target.dataset.modal);
  }, true);

  function pane(name) {
    document.body.dataset.pane = name;
    document.querySelectorAll("[data-tab]").forEach((it) =>
      it.setAttribute("aria-pressed", String(it.dataset.tab === name)));
  }

  // --- the composer -----------------------------------------------------------------------------------------------------
  const field = $("text"), list = $("options");
  let asked = 0;

  async function offer(text) {
    const turn = ++asked;
    let html = "";
    if (text.startsWith("/")) {
      const answer = await fetch("/complete?" + new URLSearchParams({ as: who(), text }));
      html = await answer.text();
    }
    if (turn !== asked) return;
    const box = document.createElement("template");
    box.innerHTML = html;
    const usage = box.content.querySelector("[data-usage]");
    $("usage").textContent = usage?.content.textContent ?? "";
    usage?.remove();
    list.replaceChildren(box.content);
    const isOpen = list.childElementCount > 0;
    list.hidden = !isOpen;
    field.setAttribute("aria-expanded", String(isOpen));
    field.removeAttribute("aria-activedescendant");
  }

  const active = () => list.querySelector("[aria-selected=true]");

  function choose(step) {
    const all = [...list.children];
    const place = all.indexOf(active());
    const next = all[place < 0 ? (step > 0 ? 0 : all.length - 1) : (place + step + all.length) % all.length];
    all.forEach((it) => it.setAttribute("aria-selected", String(it === next)));
    field.setAttribute("aria-activedescendant", next.id);
    next.scrollIntoView({ block: "nearest" });
  }

  function take(option) {
    field.value = option.dataset.text;
    field.focus();
    offer(field.value);
  }

  field.addEventListener("input", () => offer(field.value));
  field.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const { key } = event;
    if (key === "ArrowDown" || key === "ArrowUp") choose(key === "ArrowDown" ? 1 : -1);
    else if (key === "Tab" && !event.shiftKey) take(active() ?? list.firstElementChild);
    else if (key === "Enter" && active()) take(active());
    else if (key === "Escape") offer("");
    else return;
    event.preventDefault();
  });
  $("composer").addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = field.value;
    if (!text.trim()) return;
    field.value = "";
    offer("");
    $("scroll").scrollTop = 1e9;
    await send("/act/say", { ...Object.fromEntries(seat()), as: who(), text });
  });

  // --- clocks -----------------------------------------------------------------------------------------------------------
  const two = (number) => String(number).padStart(2, "0");
  const now = () => Date.now() + Number($("clock")?.dataset.ahead ?? 0);

  function left(until) {
    const seconds = Math.max(0, Math.ceil((until - now()) / 1000));
    if (!seconds) return "over";
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    return (hours ? hours + ":" + two(minutes) : minutes) + ":" + two(seconds % 60) + " left";
  }

  // Slack's formats of dates, in the reader's own time.
  function written(date, format) {
    const day = (options) => date.toLocaleDateString("en-GB", options);
    const days = Math.round((new Date(date).setHours(0, 0, 0, 0) - new Date(now()).setHours(0, 0, 0, 0)) / 864e5);
    const near = { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days];
    const short = day({ day: "numeric", month: "short", year: "numeric" });
    const long = day({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
    return format.replace(/\{(\w+)\}/g, (whole, name) => ({
      date_num: date.toISOString().slice(0, 10),
      date: day({ day: "numeric", month: "long", year: "numeric" }),
      date_short: short, date_long: long,
      date_pretty: near ?? day({ day: "numeric", month: "long", year: "numeric" }),
      date_short_pretty: near ?? short, date_long_pretty: near ?? long,
      time: two(date.getHours()) + ":" + two(date.getMinutes()),
      time_secs: date.toLocaleTimeString("en-GB"),
    })[name] ?? whole);
  }

  function localise(within) {
    within.querySelectorAll("time[data-at]").forEach((it) => {
      const date = new Date(Number(it.dataset.at));
      it.dateTime = date.toISOString();
      it.title = date.toString();
      it.textContent = written(date, it.dataset.format);
    });
  }

  function tick() {
    const clock = $("clock")?.querySelector("time");
    if (clock) clock.textContent = new Date(now()).toLocaleTimeString("en-GB");
    document.querySelectorAll("[data-until]").forEach((it) => {
      it.textContent = left(Number(it.dataset.until));
      it.classList.toggle("soon", it.dataset.until - now() < 60e3);
    });
  }

  localise(document);
  setInterval(tick, 1000);
  tick();
  $("scroll").scrollTop = 1e9;
  listen();
})();
