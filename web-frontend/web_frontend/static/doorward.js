"use strict";

// Every page works without this file; it only adds comfort.
(() => {
  const page = document.documentElement;
  // The visitor's own variety of the page's language, such as en-GB.
  const language = navigator.languages.find((tag) => tag.split("-")[0] === page.lang) || page.lang;
  const clock = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, {
    day: "numeric", month: "short", year: "numeric",
    hour: "numeric", minute: "2-digit", timeZoneName: "short",
  });

  function inWords(seconds) {
    const [number, unit] = seconds < 60 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
    return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(number);
  }

  function showLocalTimes(root) {
    for (const time of root.querySelectorAll("time")) {
      time.textContent = clock.format(new Date(time.dateTime));
    }
  }

  function addReveal(input) {
    const words = input.dataset;
    // In English a label stands in small letters inside a phrase.
    const text = input.labels[0].textContent;
    const label = page.lang === "en" ? text.toLowerCase() : text;
    const button = document.createElement("button");
    const status = document.createElement("span");
    button.type = "button";
    button.className = "button reveal";
    button.setAttribute("aria-controls", input.id);
    status.className = "hidden";
    status.setAttribute("role", "status");

    const set = (shown) => {
      input.type = shown ? "text" : "password";
      button.textContent = shown ? words.hide : words.show;
      button.setAttribute("aria-label", (shown ? words.hideThis : words.showThis).replace("{label}", label));
    };
    set(false);
    button.addEventListener("click", () => {
      set(input.type === "password");
      status.textContent = input.type === "text" ? words.shown : words.hidden;
    });
    // Browsers remember what was sent from a text field, and show it again on the way back.
    input.form.addEventListener("submit", () => set(false));
    addEventListener("pagehide", () => set(false));
    input.after(button, status);
  }

  // The answer to a second click would replace the first one.
  // Answers come within 8 s; after that a click is a new attempt.
  function ignoreDoubleSubmit(form) {
    let last = -Infinity;
    form.addEventListener("submit", (event) => {
      if (performance.now() - last < 8000) event.preventDefault();
      else last = performance.now();
    });
    addEventListener("pageshow", () => { last = -Infinity; });
  }

  // A rule is ticked off as soon as what is typed follows it.
  function tickOff(rule) {
    const input = rule.closest(".field").querySelector("input");
    const pattern = new RegExp(rule.dataset.rule, "u");
    const look = () => rule.classList.toggle("met", pattern.test(input.value));
    input.addEventListener("input", look);
    look();
  }

  function countDown(span) {
    const end = performance.now() + span.dataset.countdown * 1000;
    const ticking = setInterval(() => {
      const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
      span.textContent = inWords(left);
      if (left) return;
      clearInterval(ticking);
      span.parentElement.textContent = span.dataset.over;
    }, 1000);
  }

  // Only differences of times are used, because the browser's clock may be wrong. Timers stop while
  // a computer sleeps, so this looks at the clock every second.
  function warnBeforeEnd(region) {
    const [unlessUsed, final] = document.getElementById("ending").content.children;
    const tabs = new BroadcastChannel("session");
    const seconds = Number(region.dataset.seconds);
    let ends, warning;
    const restart = (left, isFinal) => {
      ends = Date.now() + left * 1000;
      warning = isFinal ? final : unlessUsed;
      region.replaceChildren();
    };
    // Another tab has kept the session alive; all tabs share it.
    tabs.onmessage = ({ data }) => restart(data.left, data.isFinal);
    const now = { left: seconds, isFinal: region.hasAttribute("data-final") };
    restart(now.left, now.isFinal);
    tabs.postMessage(now);
    // What was typed here must not be lost.
    unlessUsed.querySelector("a").addEventListener("click", (event) => {
      const inputs = [...document.querySelectorAll("main input:not([type=hidden])")];
      event.target.target = inputs.some((input) => input.value !== input.defaultValue) ? "_blank" : "";
    });

    setInterval(() => {
      const left = Math.ceil((ends - Date.now()) / 1000);
      if (left <= 0) location.replace(location.pathname);
      if (left > Math.min(120, seconds / 2)) return;
      // In few steps, because each is read out, and never more than is left.
      const step = left >= 60 ? 60 : left >= 20 ? 20 : 10;
      const words = inWords(Math.max(1, Math.floor(left / step)) * step);
      const time = warning.querySelector("[data-left]");
      if (time.textContent !== words) time.textContent = words;
      if (!warning.isConnected) region.append(warning);
    }, 1000);
  }

  // Some browsers show a page from their memory when somebody goes back, also after signing out.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  // Going back to an answer to a form would ask whether to send the form again.
  if (page.hasAttribute("data-posted")) history.replaceState(null, "", location.href);
  const notice = document.getElementById("wrong-address");
  if (notice && !page.dataset.origins.split(" ").includes(location.origin)) {
    notice.content.querySelector("a").href = page.dataset.url;
    document.getElementById("main").prepend(notice.content);
  }

  showLocalTimes(document);
  document.querySelectorAll("input[type=password]").forEach(addReveal);
  document.querySelectorAll("form").forEach(ignoreDoubleSubmit);
  document.querySelectorAll("[data-rule]").forEach(tickOff);
  document.querySelectorAll("[data-countdown]").forEach(countDown);
  document.querySelectorAll("[data-seconds]").forEach(warnBeforeEnd);
  document.getElementById("error-summary")?.focus();
})();
