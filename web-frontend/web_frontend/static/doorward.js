"use strict";

// Every page works without this file; it only adds comfort.
(() => {
  // The pages are in English, so times use the visitor's variety of English.
  const language = navigator.languages.find((tag) => /^en\b/i.test(tag)) || "en-GB";
  const clock = new Intl.DateTimeFormat(language, {
    day: "numeric", month: "short", year: "numeric",
    hour: "numeric", minute: "2-digit", timeZoneName: "short",
  });

  function showLocalTimes(root) {
    for (const time of root.querySelectorAll("time")) {
      time.textContent = clock.format(new Date(time.dateTime));
    }
  }

  function addReveal(input) {
    const label = input.labels[0].textContent.toLowerCase();
    const button = document.createElement("button");
    const status = document.createElement("span");
    button.type = "button";
    button.className = "button reveal";
    button.setAttribute("aria-controls", input.id);
    status.className = "hidden";
    status.setAttribute("role", "status");

    const set = (shown) => {
      input.type = shown ? "text" : "password";
      button.textContent = shown ? "Hide" : "Show";
      button.setAttribute("aria-label", `${button.textContent} ${label}`);
    };
    set(false);
    button.addEventListener("click", () => {
      set(input.type === "password");
      status.textContent = `Your ${label} is ${input.type === "text" ? "shown" : "hidden"}.`;
    });
    // Browsers remember what was sent from a text field, and show it again on the way back.
    input.form.addEventListener("submit", () => set(false));
    addEventListener("pagehide", () => set(false));
    input.after(button, status);
  }

  // The answer to a second click would replace the first one, and say that your own name is taken.
  // Answers come within 8 s; after that a click is a new attempt.
  function ignoreDoubleSubmit(form) {
    let last = -Infinity;
    form.addEventListener("submit", (event) => {
      if (performance.now() - last < 8000) event.preventDefault();
      else last = performance.now();
    });
    addEventListener("pageshow", () => { last = -Infinity; });
  }

  // This compares the time every second, because timers stop while a computer sleeps.
  function warnBeforeEnd(status) {
    const warning = document.getElementById(status.dataset.warning).content;
    const ends = Date.parse(warning.querySelector("time").dateTime);
    const left = ends - Date.now();
    if (left <= 0) return;
    const warnAt = ends - Math.min(120_000, left / 2);
    const watch = setInterval(() => {
      if (Date.now() < warnAt) return;
      clearInterval(watch);
      showLocalTimes(warning);
      status.append(warning);
    }, 1000);
  }

  showLocalTimes(document);
  document.querySelectorAll("input[type=password]").forEach(addReveal);
  document.querySelectorAll("form").forEach(ignoreDoubleSubmit);
  document.querySelectorAll("[data-warning]").forEach(warnBeforeEnd);
  document.getElementById("error-summary")?.focus();
})();
