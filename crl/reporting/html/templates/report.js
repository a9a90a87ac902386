(() => {
  "use strict";
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Theme: the system's, until the reader chooses; kept where the browser lets a file keep anything.
  const theme = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const keep = (value) => { try { localStorage.setItem("crl-theme", value); } catch { /* private or file: */ } };
  const kept = () => { try { return localStorage.getItem("crl-theme"); } catch { return null; } };
  const isDark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const name = () => { theme.textContent = isDark() ? "Light" : "Dark"; theme.setAttribute("aria-pressed", String(isDark())); };
  if (["light", "dark"].includes(kept())) root.dataset.theme = kept();
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; keep(root.dataset.theme); name(); });
  system.addEventListener("change", name);
  name();

  // Printing unfolds all but the tables behind drawings; afterwards everything is folded again.
  let opened = [];
  document.getElementById("print").addEventListener("click", () => print());
  addEventListener("beforeprint", () => { opened = all("details:not([open])").filter((item) => !item.closest("figure")); opened.forEach((item) => { item.open = true; }); });
  addEventListener("afterprint", () => { opened.forEach((item) => { item.open = false; }); });

  // What a mark says: on hover, and on focus by the arrow keys.
  const tip = document.getElementById("tip");
  const hide = () => { tip.hidden = true; all(".now").forEach((mark) => mark.classList.remove("now")); };
  const show = (mark, x, y) => {
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(6, Math.min(x + 14, innerWidth - box.width - 8)) + "px";
    tip.style.top = (y + 18 + box.height > innerHeight ? y - box.height - 12 : y + 18) + "px";
  };
  document.addEventListener("mousemove", (event) => {
    const mark = event.target instanceof Element && event.target.closest("[data-tip]");
    if (mark) show(mark, event.clientX, event.clientY); else if (!document.querySelector(".now")) hide();
  });
  all("svg.chart").forEach((chart) => {
    let at = -1;
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const marks = all("[data-tip]", chart).filter((mark) => !mark.closest(".off"));
      if (event.key === "Escape") { hide(); return; }
      if (!marks.length || !(step || event.key === "Home" || event.key === "End")) return;
      event.preventDefault();
      at = event.key === "Home" ? 0 : event.key === "End" ? marks.length - 1 : (at + step + marks.length) % marks.length;
      hide();
      marks[at].classList.add("now");
      const box = marks[at].getBoundingClientRect();
      show(marks[at], box.left + box.width / 2, box.top + box.height / 2);
    });
    chart.addEventListener("blur", hide);
  });

  all("[data-series]").forEach((box) => box.addEventListener("change", () => {
    all(".s" + box.dataset.series, box.closest("figure")).forEach((line) => line.classList.toggle("off", !box.checked));
  }));

  all("[role=tablist]").forEach((list) => {
    const tabs = all("[role=tab]", list);
    const choose = (chosen) => tabs.forEach((tab) => {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
    });
    tabs.forEach((tab, place) => {
      tab.addEventListener("click", () => choose(tab));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) { const next = tabs[(place + step + tabs.length) % tabs.length]; choose(next); next.focus(); }
      });
    });
  });

  // Tables sort by the number that a cell carries, or by its text.
  const value = (cell) => cell.dataset.order === undefined ? cell.textContent : Number(cell.dataset.order);
  all("table[data-sort]").forEach((table) => {
    const heads = all("thead th", table);
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") !== "descending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = all("tbody tr", table);
        const order = (a, b) => { const [x, y] = [value(a.cells[column]), value(b.cells[column])]; return typeof x !== typeof y ? (typeof x === "number" ? -1 : 1) : typeof x === "number" ? x - y : x.localeCompare(y, undefined, { numeric: true }); };
        rows.sort((a, b) => down ? order(b, a) : order(a, b)).forEach((row) => table.tBodies[0].append(row));
      });
    });
  });

  all("[data-copy]").forEach((button) => button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    try { await navigator.clipboard.writeText(code.textContent); button.textContent = "Copied"; } catch { getSelection().selectAllChildren(code); button.textContent = "Selected"; }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }));

  // Where the reader is, in the contents.
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const watch = new IntersectionObserver((seen) => seen.forEach((entry) => {
    if (!entry.isIntersecting) return;
    links.forEach((link) => link.removeAttribute("aria-current"));
    links.get(entry.target.id)?.setAttribute("aria-current", "location");
  }), { rootMargin: "-15% 0px -75% 0px" });
  all("main .card[id]").forEach((card) => watch.observe(card));
  root.dataset.ready = "yes";
})();
