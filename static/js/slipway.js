// Small components for Alpine's CSP build: expressions in the pages are property names, no more.
"use strict";

const dark = () =>
  (document.documentElement.dataset.theme ||
    (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

const bytes = (count) => {
  const units = ["B", "KB", "MB", "GB"];
  const step = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(count, 1)) / 10));
  return `${(count / 1024 ** step).toFixed(step ? 1 : 0)} ${units[step]}`;
};

// What is wrong, in one text, from a problem's `errors`: [{pointer: "/name", detail}].
const faults = (body) =>
  (body.errors || [])
    .map(({ pointer, detail }) => {
      const field = (pointer || "").replace(/^\/(__all__)?/, "");
      return field ? `${field}: ${detail}` : detail;
    })
    .join(" ");

document.addEventListener("alpine:init", () => {
  Alpine.data("themeToggle", () => ({
    isDark: dark(),
    get label() {
      return this.isDark ? "Use the light theme" : "Use the dark theme";
    },
    toggle() {
      this.isDark = !this.isDark;
      const theme = this.isDark ? "dark" : "light";
      document.documentElement.dataset.theme = theme;
      try {
        localStorage.setItem("slipway-theme", theme);
      } catch {
        // Storage may be forbidden; the choice then lasts for this page.
      }
    },
  }));

  // Copies the text of the element named by data-from, else of the nearest <pre>.
  Alpine.data("copyButton", () => ({
    label: "Copy",
    async copy(event) {
      const { from } = event.currentTarget.dataset;
      const source = from
        ? document.getElementById(from)
        : event.currentTarget.closest(".code").querySelector("pre");
      const text = (source.value ?? source.textContent).trim();
      try {
        await navigator.clipboard.writeText(text);
        this.label = "Copied";
      } catch {
        // Without HTTPS the clipboard is closed to scripts: select, so that Ctrl-C copies.
        getSelection().selectAllChildren(source);
        this.label = "Press Ctrl-C";
      }
      setTimeout(() => {
        this.label = "Copy";
      }, 2000);
    },
  }));

  // <div x-data="tabs" data-first="curl">: buttons with data-tab, panels with data-panel.
  Alpine.data("tabs", () => ({
    init() {
      this.open(this.$el.dataset.first);
    },
    open(name) {
      this.$root.querySelectorAll("[data-tab]").forEach((tab) => {
        tab.setAttribute("aria-selected", String(tab.dataset.tab === name));
        tab.tabIndex = tab.dataset.tab === name ? 0 : -1;
      });
      this.$root.querySelectorAll("[data-panel]").forEach((panel) => {
        panel.hidden = panel.dataset.panel !== name;
      });
    },
    choose(event) {
      this.open(event.currentTarget.dataset.tab);
    },
    move(event) {
      const tabs = [...this.$root.querySelectorAll("[data-tab]")];
      const step = event.key === "ArrowLeft" ? -1 : 1;
      const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
      this.open(next.dataset.tab);
      next.focus();
    },
  }));

  // A form whose submit is asked about first: <form x-data="confirm" @submit="ask" data-question="…">.
  Alpine.data("confirm", () => ({
    ask(event) {
      if (!window.confirm(this.$root.dataset.question)) event.preventDefault();
    },
  }));

  // Sends its form by XMLHttpRequest: fetch tells nothing about the progress of what it sends.
  Alpine.data("uploadForm", () => ({
    busy: false,
    over: false,
    percent: 0,
    status: "",
    problem: "",
    chosen: "",
    get idle() {
      return !this.busy;
    },
    get empty() {
      return !this.chosen;
    },
    get zone() {
      return this.over ? "drop over" : "drop";
    },
    init() {
      this.pick();
    },
    get file() {
      return this.$root.querySelector("input[type=file]");
    },
    browse() {
      this.file.click();
    },
    enter() {
      this.over = true;
    },
    leave() {
      this.over = false;
    },
    drop(event) {
      this.over = false;
      const { files } = event.dataTransfer;
      if (this.busy || !files.length) return;
      const one = new DataTransfer();
      one.items.add(files[0]);
      this.file.files = one.files;
      this.pick();
    },
    pick() {
      const [file] = this.file.files;
      this.problem = "";
      this.chosen = file ? `${file.name} (${bytes(file.size)})` : "";
      const name = this.$root.querySelector("input[name=name]");
      if (file && name && !name.value) {
        const stem = file.name.replace(/\.[A-Za-z0-9]+$/, "");
        name.value = stem.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(0, 63);
      }
    },
    send(event) {
      event.preventDefault();
      if (this.busy) return;
      const form = this.$root;
      const request = new XMLHttpRequest();
      this.busy = true;
      this.problem = "";
      this.percent = 0;
      this.status = "Sending…";
      request.open("POST", form.action);
      request.setRequestHeader("Accept", "application/json");
      request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
      request.upload.onprogress = (event) => {
        if (!event.lengthComputable) return;
        this.percent = Math.floor((100 * event.loaded) / event.total);
        this.status =
          event.loaded < event.total
            ? `${this.percent} % of ${bytes(event.total)}`
            : "Sent. Waiting for the answer…";
      };
      request.onload = () => this.answered(request);
      request.onerror = () => this.fail("The connection broke. Nothing was kept; send it again.");
      request.send(new FormData(form));
    },
    answered(request) {
      let body = {};
      try {
        body = JSON.parse(request.responseText);
      } catch {
        // A proxy answers in HTML; the status says enough.
      }
      if (request.status < 300 && body.location) {
        this.status = "Received.";
        window.location.assign(body.location);
        return;
      }
      this.fail(faults(body) || body.detail || `The server answered ${request.status}.`);
    },
    fail(text) {
      this.busy = false;
      this.status = "";
      this.problem = text;
    },
  }));
});
