// The page's own script: language and theme, the evidence pane, what the buttons in the chat do, and the
// names that a screen reader needs. Text of articles becomes nodes by textContent and in no other way.
"use strict";

const qa = (() => {
  const root = document.documentElement;
  const phone = matchMedia("(max-width: 860px)");
  const one = (selector, inside = document) => inside.querySelector(selector);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];

  // A browser may forbid storage; the page works without.
  const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const store = (name, value) => { try { localStorage.setItem(name, value); } catch { /* forgotten */ } };

  // -- language and theme: chosen, or the browser's --------------------------------------------------

  const address = new URLSearchParams(location.search);
  if (address.get("lang")) store("qa.language", address.get("lang"));
  const wanted = stored("qa.language") || address.get("lang") || navigator.language || "zh";
  const language = wanted.toLowerCase().startsWith("en") ? "en" : "zh";
  const tag = language === "en" ? "en" : "zh-CN";
  // Gradio labels its own parts by these.
  Object.defineProperty(navigator, "language", { get: () => tag });
  Object.defineProperty(navigator, "languages", { get: () => [tag] });
  root.lang = tag;

  const WORDS = {
    zh: { question: "问题", answer: "回答", log: "对话", down: "到末尾", text: "原文", outline: "目录",
      copied: "已复制。", linked: "链接已复制。", lost: "原文没有打开，请再点一次。", stale: "这篇文章后来改过，引用的字句已不在原处。",
      remove: "要删除这个文件吗？", head: "回答引用的原文", judged: "评价",
      earlier: "以前的对话", forget: "全部删除", forgetting: "要删除这个浏览器里以前的对话吗？", turns: (n) => `${n} 问`,
      large: (names, most) => `${names}太大，没有上传；每个文件最多 ${most}。`, quoted: (name) => `“${name}”`,
      by: (name) => `作者 ${name}`, from: (name) => `来源 ${name}`,
      gone: "与服务器的连接断了，请稍后再试。", failed: "没有成功，请再试一次。" },
    en: { question: "Question", answer: "Answer", log: "Conversation", down: "To the end", text: "The article", outline: "Outline",
      copied: "Copied.", linked: "The link is copied.", lost: "The article did not open; please try again.", stale: "The article has changed since; the quoted words are no longer at their place.",
      remove: "Remove this file?", head: "The article that is quoted", judged: "Verdict",
      earlier: "Earlier chats", forget: "Delete all", forgetting: "Delete the earlier chats of this browser?", turns: (n) => `${n} asked`,
      large: (names, most) => `${names} not uploaded: a file may have ${most}.`, quoted: (name) => `“${name}” `,
      by: (name) => `by ${name}`, from: (name) => `from ${name}`,
      gone: "The connection to the server was lost; please try again in a moment.", failed: "That did not work; please try again." },
  }[language];

  const themed = () => {
    const theme = stored("qa.theme");
    if (theme && document.body) {
      const dark = theme === "dark";
      if (document.body.classList.contains("dark") !== dark) document.body.classList.toggle("dark", dark);
    }
  };

  // -- conversations ---------------------------------------------------------------------------------
  //
  // Each has an entry of its own. A tab that finds its entry changed by another tab goes on under a new one,
  // so that nothing is overwritten. Which one a tab has is known to the tab alone.

  const ENTRY = "qa.conversation.";
  const MOST = 12; // conversations that are kept
  const fresh = () => Math.random().toString(36).slice(2, 10) + Date.now().toString(36);
  const entry = (id) => { try { return JSON.parse(stored(ENTRY + id)); } catch { return null; } };
  const entries = () => {
    let ids = [];
    try { ids = Object.keys(localStorage).filter((key) => key.startsWith(ENTRY)); } catch { /* no storage */ }
    const found = ids.map((key) => ({ id: key.slice(ENTRY.length), ...entry(key.slice(ENTRY.length)) }));
    return found.filter((each) => Array.isArray(each.exchanges)).sort((a, b) => b.at - a.at);
  };
  const mine = (id) => { try { sessionStorage.setItem("qa.mine", id); } catch { /* the newest, then */ } return id; };
  let own = null;
  try { own = sessionStorage.getItem("qa.mine"); } catch { /* the newest, then */ }
  if (!own) own = mine(entries()[0]?.id ?? fresh());
  const last = entry(own);
  let stamp = last?.stamp ?? null; // of the entry as this tab knows it
  let exchanges = Array.isArray(last?.exchanges) ? last.exchanges : [];

  const keep = (list) => {
    const text = JSON.stringify(list);
    if (text === JSON.stringify(exchanges)) return;
    const begins = list.length === 0; // a new conversation; the last one stays
    if (begins) clear();
    if (begins || (entry(own)?.stamp ?? null) !== stamp) own = mine(fresh());
    exchanges = JSON.parse(text); // Gradio may change its own in place
    stamp = fresh();
    write(JSON.stringify({ at: Date.now(), stamp, exchanges }));
  };
  // The oldest make room, those without a question first.
  const write = (text) => {
    const others = entries().filter((each) => each.id !== own);
    const over = others.filter((each, n) => !each.exchanges.length || n >= MOST - 1);
    for (const each of over) drop(each.id);
    const left = others.filter((each) => !over.includes(each));
    for (;;) {
      try { localStorage.setItem(ENTRY + own, text); return; } catch { /* it is full, or forbidden */ }
      const oldest = left.pop();
      if (!oldest) return;
      drop(oldest.id);
    }
  };
  const drop = (id) => { try { localStorage.removeItem(ENTRY + id); } catch { /* there is none */ } };
  const keeping = (watch, props) => watch("value", () => { if (Array.isArray(props.value)) keep(props.value); });

  // Offered while nothing is asked yet.
  const SHOWN = 4;
  const earlier = () => {
    const place = one("#earlier .prose");
    if (!place) return;
    const others = exchanges.length ? [] : entries().filter((each) => each.id !== own && each.exchanges.length);
    const shown = others.slice(0, SHOWN);
    const now = shown.map((each) => each.id + each.stamp).join();
    if (place.dataset.shown === now) return;
    place.dataset.shown = now;
    place.replaceChildren(...(shown.length ? [earlierHead(), earlierList(shown)] : []));
  };
  const earlierHead = () => {
    const head = make("p", `${WORDS.earlier} `);
    head.append(acting("forget", "", WORDS.forget));
    return head;
  };
  const earlierList = (shown) => {
    const list = make("ul");
    for (const each of shown) {
      const item = make("li");
      const date = new Date(each.at).toLocaleDateString(tag, { month: "short", day: "numeric" });
      item.append(acting("resume", each.id, String(each.exchanges[0].question)));
      item.append(make("span", `${date} · ${WORDS.turns(each.exchanges.length)}`));
      list.append(item);
    }
    return list;
  };
  const acting = (act, value, words) => {
    const made = make("button", words);
    Object.assign(made, { type: "button", name: act, value });
    return made;
  };

  // -- telling -------------------------------------------------------------------------------------

  let telling;
  const tell = (words) => {
    const said = one("#said");
    if (!said) return;
    said.textContent = words;
    clearTimeout(telling);
    telling = setTimeout(() => { said.textContent = ""; }, 6000);
  };

  const copy = async (text, words) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch { // not offered where the page comes over plain HTTP from another machine
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    tell(words);
  };

  // -- the evidence --------------------------------------------------------------------------------

  let opener = null;
  let asked = 0;
  const make = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  const show = async (link, focus) => {
    const turn = ++asked;
    opener = link;
    for (const each of all("a.open-now")) each.classList.remove("open-now");
    link.classList.add("open-now");
    let article;
    try {
      const response = await fetch("api/article?" + link.getAttribute("href").slice("#article?".length));
      article = await response.json();
      if (!response.ok) throw new Error(article.error);
    } catch (error) {
      if (turn === asked) tell(error instanceof TypeError ? WORDS.lost : error.message);
      return;
    }
    if (turn !== asked) return; // another citation was opened meanwhile
    draw(article);
    if (phone.matches && focus) cover();
    aim(focus);
  };

  const draw = (article) => {
    const head = one("#pane-head");
    const place = article.element === null ? article.source : `${article.source} (${article.element})`;
    head.replaceChildren(make("h2", article.title || article.source));
    const by = [article.author && WORDS.by(article.author), article.origin && WORDS.from(article.origin)];
    head.append(make("p", [...by, article.date, place].filter(Boolean).join(" · ")));
    if (article.stale) head.append(make("p", WORDS.stale, "stale"));
    if (article.outline.length > 1) head.append(outline(article.outline));
    const text = one("#pane-text");
    text.setAttribute("aria-label", WORDS.text);
    text.replaceChildren(...article.segments.map((segment) => piece(segment, article.outline)));
    text.scrollTop = 0;
  };

  const clear = () => {
    asked += 1; // what is on its way is not shown either
    for (const each of all("#pane-head, #pane-text")) each.replaceChildren();
  };

  const piece = (segment, headings) => {
    const made = make(segment.kind === "mark" ? "mark" : "span", segment.text, segment.kind);
    if (segment.kind === "mark") made.tabIndex = -1;
    if (segment.anchor) made.dataset.anchor = segment.anchor;
    if (segment.kind === "heading") {
      const [, marks, title] = segment.text.match(/^(#+\s+)?([^]*)$/);
      if (marks) {
        made.replaceChildren(make("span", marks, "marks"), title);
        made.firstChild.setAttribute("aria-hidden", "true");
      }
      const found = headings.find((each) => each.anchor === segment.anchor);
      made.setAttribute("role", "heading");
      made.setAttribute("aria-level", Math.min(6, 2 + (found ? found.level : 1)));
    }
    return made;
  };

  const outline = (headings) => {
    const details = make("details");
    details.append(make("summary", `${WORDS.outline} (${headings.length})`));
    const list = make("ol");
    for (const heading of headings) {
      const item = make("li");
      item.style.paddingLeft = `${Math.max(0, heading.level - 1)}em`;
      const button = make("button", heading.title);
      button.type = "button";
      button.addEventListener("click", () => {
        const at = all("#pane-text [data-anchor]").find((each) => each.dataset.anchor === heading.anchor);
        details.open = false; // the pane grows by it
        one("#pane-text").focus({ preventScroll: true });
        at?.scrollIntoView({ block: "start" });
      });
      item.append(button);
      list.append(item);
    }
    details.append(list);
    return details;
  };

  // The quoted words in the middle of the pane; whoever came by keyboard goes on reading there.
  const aim = (focus) => {
    const text = one("#pane-text");
    const mark = one("mark", text) || one(".sentence", text);
    requestAnimationFrame(() => {
      mark?.scrollIntoView({ block: "center" });
      if (focus) (mark?.tagName === "MARK" ? mark : text).focus({ preventScroll: true });
    });
  };

  const beside = () => [one("#head"), one("#left")].filter(Boolean);
  const cover = () => {
    if (document.body.classList.contains("reading")) return;
    document.body.classList.add("reading");
    for (const each of beside()) each.inert = true;
    history.pushState({ qa: "reading" }, "");
  };
  const uncover = () => {
    document.body.classList.remove("reading");
    for (const each of beside()) each.inert = false;
    back();
  };
  const back = () => {
    if (opener?.isConnected) opener.focus();
    else one("#ask textarea")?.focus();
  };
  const close = () => {
    if (!document.body.classList.contains("reading")) back();
    else if (history.state?.qa === "reading") history.back(); // leads to popstate, as the phone's own button does
    else uncover();
  };
  addEventListener("popstate", () => { if (document.body.classList.contains("reading")) uncover(); });
  phone.addEventListener("change", () => { if (!phone.matches && document.body.classList.contains("reading")) uncover(); });

  // -- what the buttons do -------------------------------------------------------------------------

  const fill = (words, selector = "#ask textarea") => {
    const box = one(selector);
    if (!box) return;
    const prototype = box.tagName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
    Object.getOwnPropertyDescriptor(prototype.prototype, "value").set.call(box, words);
    box.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const ask = (words) => {
    fill(words);
    setTimeout(() => one("#send")?.click(), 50); // gradio takes up what was filled in meanwhile
  };
  const tab = (number) => all("#tabs [role=tab]")[number]?.click();

  const acts = {
    language: (value) => {
      store("qa.language", value);
      const next = new URLSearchParams(location.search);
      next.delete("lang");
      location.replace(location.pathname + (next.size ? `?${next}` : ""));
    },
    theme: () => {
      store("qa.theme", document.body.classList.contains("dark") ? "light" : "dark");
      themed();
    },
    close,
    edit: (value) => { fill(value); one("#ask textarea")?.focus(); },
    again: ask,
    offer: ask,
    copy: (value) => {
      const answer = document.getElementById(value);
      const parts = [one(".quote", answer), one(".sentence", answer), one(".place", answer)];
      copy(parts.filter(Boolean).map((each) => each.textContent).join("\n"), WORDS.copied);
    },
    share: (value) => copy(location.origin + location.pathname + value, WORDS.linked),
    judge: (value) => trigger?.("select", { value }),
    only: (value) => {
      tab(0);
      const filters = one("#filters > button");
      if (filters && !one("#source textarea, #source input")?.offsetParent) filters.click();
      setTimeout(() => {
        fill(value.replace(/[[*?]/g, "[$&]"), "#source textarea, #source input");
        one("#ask textarea")?.focus();
      }, 100);
    },
    resume: (value) => { mine(value); location.reload(); },
    forget: () => {
      if (!confirm(WORDS.forgetting)) return;
      for (const each of entries()) if (each.id !== own) drop(each.id);
      earlier();
      one("#ask textarea")?.focus();
    },
    remove: (value) => { if (confirm(`${WORDS.remove}\n${value}`)) trigger?.("delete", { value }); },
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#article?"]');
    if (link) {
      event.preventDefault();
      show(link, true);
      return;
    }
    const button = event.target.closest?.("#title button, .answer button, #earlier button, #offers button, #listing button, #pane button");
    if (button?.name && Object.hasOwn(acts, button.name)) acts[button.name](button.value);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing && event.target.closest?.("#pane")) close();
  });

  // -- to and from the server ----------------------------------------------------------------------

  let trigger = null;
  const wire = (send, watch, props) => {
    trigger = send;
    watch("value", () => { if (props.value) received(props.value); });
  };
  const received = (parcel) => {
    if (parcel.ready) document.body.classList.add("ready");
    if (parcel.say) tell(parcel.say);
    if (parcel.judged) judged(parcel.judged);
    if (parcel.download) download(parcel);
    if (parcel.ask) {
      const next = new URLSearchParams(location.search);
      next.delete("q");
      next.delete("collection");
      history.replaceState(null, "", location.pathname + (next.size ? `?${next}` : ""));
      setTimeout(() => one("#send")?.click(), 200);
    }
  };
  const download = (parcel) => {
    const link = make("a");
    link.href = URL.createObjectURL(new Blob([parcel.text], { type: `${parcel.type};charset=utf-8` }));
    link.download = parcel.download;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  const verdicts = () => { try { return JSON.parse(stored("qa.judged")) || {}; } catch { return {}; } };
  const judged = (value) => {
    const [verdict, key] = value.split(":");
    const known = Object.entries({ ...verdicts(), [key]: verdict }).slice(-200);
    store("qa.judged", JSON.stringify(Object.fromEntries(known)));
    press();
  };
  const press = () => {
    const known = verdicts();
    for (const each of all("#chat button[name=judge]")) {
      const [verdict, key] = each.value.split(":");
      set(each, "aria-pressed", String(known[key] === verdict));
    }
  };

  // -- files that are too large --------------------------------------------------------------------------
  //
  // Gradio would refuse all that were chosen together, in English.

  const sent = (list) => {
    const most = window.gradio_config?.max_file_size ?? Infinity;
    const large = [...list].filter((file) => file.size > most);
    const names = large.map((file) => WORDS.quoted(file.name)).join("");
    const told = one("#unsent [role=status]");
    if (told) told.textContent = large.length ? WORDS.large(names, `${Math.round(most / 1e5) / 10} MB`) : "";
    return large.length ? [...list].filter((file) => file.size <= most) : null;
  };
  let sending = false;
  const send = (input, files) => {
    const chosen = new DataTransfer();
    for (const file of files) chosen.items.add(file);
    input.files = chosen.files;
    sending = true;
    if (files.length) input.dispatchEvent(new Event("change", { bubbles: true }));
    sending = false;
  };
  document.addEventListener("change", (event) => {
    if (sending || !event.target.matches?.("#files input[type=file]")) return;
    const left = sent(event.target.files);
    if (!left) return;
    event.stopImmediatePropagation();
    send(event.target, left);
  }, true);
  document.addEventListener("drop", (event) => {
    const input = event.target.closest?.("#files") && one("#files input[type=file]");
    const left = input && event.dataTransfer && sent(event.dataTransfer.files);
    if (!left) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    send(input, left);
  }, true);

  // -- questions that are sent ---------------------------------------------------------------------------

  const asking = (event) => {
    const box = one("#ask textarea");
    if (!box) return;
    const enter = event.type === "keydown" && event.key === "Enter" && event.target === box;
    if (!enter && !(event.type === "click" && event.target.closest?.("#send"))) return;
    if (box.value.trim()) return;
    event.preventDefault(); // a blank one stays here: while another is on its way, Gradio drops the next
    event.stopImmediatePropagation();
    box.focus();
  };
  document.addEventListener("keydown", asking, true);
  document.addEventListener("click", asking, true);

  // -- what Gradio does not hear -------------------------------------------------------------------------
  //
  // Gradio's client listens to the server while it waits for something, and no longer. What is sent in the moment
  // in which it stops is worked on, but nobody hears the result, until something else makes it listen again.

  const BEAT = 250; // ms
  const NUDGES = 20; // for what never ends
  const awaited = new Map(); // each event that was sent, and how often it was asked for
  const ended = new Set();
  let streams = 0;
  let beating;
  const listened = () => {
    clearTimeout(beating);
    if (awaited.size && !streams) beating = setTimeout(nudge, BEAT);
  };
  const nudge = () => {
    for (const [event, times] of awaited) {
      if (times < NUDGES) awaited.set(event, times + 1);
      else awaited.delete(event);
    }
    if (awaited.size) trigger?.("submit");
    listened();
  };
  const joined = async (response) => {
    const event = (await response.json()).event_id;
    if (event && !ended.has(event)) awaited.set(event, 0);
    listened();
  };
  const streamed = async (response) => {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (text + value).split("\n");
      text = lines.pop();
      for (const line of lines.filter((each) => each.includes('"process_completed"'))) {
        const message = JSON.parse(line.slice("data:".length));
        if (message.msg !== "process_completed") continue;
        awaited.delete(message.event_id);
        ended.add(message.event_id);
      }
    }
  };
  const fetched = window.fetch.bind(window);
  window.fetch = async (what, ...rest) => {
    const path = String(what.url ?? what).split("?")[0];
    const stream = path.endsWith("/queue/data");
    if (stream) streams += 1;
    const over = () => {
      if (stream) streams -= 1;
      listened();
    };
    try {
      const response = await fetched(what, ...rest);
      if (stream) streamed(response.clone()).catch(() => {}).finally(over); // an end by Gradio's own hand is an error
      else if (path.endsWith("/queue/join")) joined(response.clone()).catch(() => {}); // refused: nothing is awaited
      return response;
    } catch (error) {
      over();
      throw error;
    }
  };

  // What Gradio says by itself is in English; what people need of it is said like everything else.
  const heard = new WeakSet();
  const toasts = () => {
    for (const each of all(".toast-body")) {
      if (heard.has(each)) continue;
      heard.add(each);
      tell(/connection/i.test(each.textContent) ? WORDS.gone : WORDS.failed);
    }
  };

  // -- whenever gradio has drawn -------------------------------------------------------------------

  const set = (element, name, value) => { if (element.getAttribute(name) !== value) element.setAttribute(name, value); };
  const name = (selector, words) => { for (const each of all(selector)) set(each, "aria-label", words); };
  let seen = "";
  let opened = "";

  const mend = () => {
    if (root.lang !== tag) root.lang = tag;
    themed();
    name("#chat [data-testid=user]", WORDS.question);
    name("#chat [data-testid=bot]", WORDS.answer);
    name("#chat [role=log]", WORDS.log);
    name("#chat .scroll-down-button-container button", WORDS.down);
    name("#evidence", WORDS.head);
    for (const each of all("#evidence")) set(each, "role", "region");
    for (const each of all("#chat [role=log]")) if (each.tabIndex !== 0) each.tabIndex = 0;
    for (const each of all("#collection input")) if (!each.readOnly) each.readOnly = true; // it is for choosing
    press();
    earlier();
    toasts();
    narrowed();
    follow();
    const working = Boolean(one("#chat .answer:not(.done)"));
    if (document.body) document.body.classList.toggle("asking", working);
    const head = one("#head");
    if (head) root.style.setProperty("--head", `${head.offsetHeight}px`);
    beginning();
  };
  // Whether a question is asked of some articles only, which may be folded away.
  const narrowed = () => {
    const typed = all("#filters input, #filters textarea").some((each) => each.value.trim());
    if (document.body) document.body.classList.toggle("narrowed", typed);
  };
  // The question stays in view above a long answer.
  const follow = () => {
    const log = one("#chat [role=log]");
    const now = log && `${log.clientHeight} ${log.textContent}`; // what is offered below takes room from it
    if (!log || now === seen) return;
    seen = now;
    all(".user-row", log).at(-1)?.scrollIntoView({ block: "start" });
  };
  // Beside a new answer its first citation opens by itself; on a phone it would cover the answer.
  const beginning = () => {
    const last = all("#chat .answer.done").at(-1);
    if (!last || last.id === opened) return;
    opened = last.id;
    const first = one("a.cite", last);
    if (first && !phone.matches) show(first, false);
  };

  let due = false;
  const soon = () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => { due = false; mend(); });
  };
  new MutationObserver(soon).observe(document, {
    subtree: true, childList: true, characterData: true, attributeFilter: ["aria-label", "lang", "class"],
  });
  addEventListener("resize", soon);
  addEventListener("input", soon);
  soon();

  return { language, wire, keeping, kept: () => exchanges };
})();
window.qa = qa;
