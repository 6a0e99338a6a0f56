"use strict";
// Tables that sort, filter and unfold, and frames for download. Without this script the page is whole.
{
  const UNITS = { ms: 1e-3, min: 60, h: 3600, kJ: 1e3, kB: 1e3, MB: 1e6, GB: 1e9, MiB: 2 ** 20, GiB: 2 ** 30 };
  const FIGURE = /[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?/i;
  const LEAST_ROWS_TO_FILTER = 8;
  const MOST_ROWS_TO_PRINT = 100;

  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);

  // The raw value of a figure's cell, or the number that its text begins with; NaN where there is none.
  const figure = (cell) => {
    if (cell.dataset.v !== undefined) return cell.dataset.v === "" ? NaN : Number(cell.dataset.v);
    const text = cell.textContent.replaceAll("\u2212", "-").replaceAll(",", "");
    const found = text.match(FIGURE);
    if (!found) return NaN;
    const unit = text.slice(found.index + found[0].length).match(/^\s*([A-Za-z]+)/);
    return Number(found[0]) * (unit && Object.hasOwn(UNITS, unit[1]) ? UNITS[unit[1]] : 1);
  };

  // Figures by value, texts as a person sorts them (R2 before R12); what is missing is always last.
  const compare = (place, isFigure, sign) => (one, other) => {
    const [a, b] = [one.cells[place], other.cells[place]];
    if (isFigure) {
      const [x, y] = [figure(a), figure(b)];
      return Number.isNaN(x) || Number.isNaN(y) ? Number.isNaN(x) - Number.isNaN(y) : sign * (x - y);
    }
    return sign * a.textContent.localeCompare(b.textContent, "en", { numeric: true });
  };

  class SortedTable {
    constructor(table) {
      this.table = table;
      this.body = table.tBodies[0];
      this.original = [...this.body.rows];
      this.rows = this.original;
      this.headings = [...table.tHead.rows[0].cells];
      this.atOnce = Number(table.dataset.rows);
      this.isWhole = this.original.length <= 1.25 * this.atOnce;
      this.words = [];
      if (this.original.length > 1) this.headings.forEach((heading, place) => this.addSort(heading, place));
      if (this.original.length >= LEAST_ROWS_TO_FILTER) this.addTools();
      this.show();
    }

    addSort(heading, place) {
      const button = make("button", { type: "button", className: "sort" });
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const before = heading.getAttribute("aria-sort");
        const order = { null: "ascending", ascending: "descending" }[before];
        for (const other of this.headings) other.removeAttribute("aria-sort");
        if (order) heading.setAttribute("aria-sort", order);
        const by = compare(place, heading.classList.contains("right"), order === "descending" ? -1 : 1);
        this.isSorted = order !== undefined;
        this.rows = this.isSorted ? [...this.original].sort(by) : this.original;
        this.body.append(...this.rows);
        this.show();
      });
    }

    addTools() {
      const tools = make("div", { className: "tools" });
      const title = this.table.parentElement.getAttribute("aria-label");
      const filter = make("input", { type: "search", placeholder: "Filter", ariaLabel: `Filter: ${title}` });
      filter.addEventListener("input", () => {
        this.words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
        this.show();
      });
      this.count = make("output");
      this.all = make("button", { type: "button", textContent: `Show all ${this.original.length} rows` });
      this.all.addEventListener("click", () => this.showAll());
      tools.append(filter, this.count, this.all);
      this.table.parentElement.before(tools);
    }

    showAll() {
      this.isWhole = true;
      this.show();
    }

    // Rows that have all words of the filter; of many the brief ones, or of a sorted table the first.
    show() {
      const has = (row) => this.words.every((word) => row.textContent.toLowerCase().includes(word));
      const matching = this.rows.filter((row) => has(row));
      const brief = this.isSorted || this.words.length ? [] : matching.filter((row) => "brief" in row.dataset);
      const shown = new Set(this.isWhole ? matching : brief.length ? brief : matching.slice(0, this.atOnce));
      const isGrouped = this.table.closest(".grouped") !== null;
      let before = null;
      for (const row of this.rows) {
        row.hidden = !shown.has(row);
        if (row.hidden) continue;
        const name = row.cells[0].querySelector(".name").textContent;
        row.classList.toggle("same", isGrouped && name === before);
        before = name;
      }
      if (this.count) {
        this.count.textContent = shown.size < this.original.length ? `${shown.size} of ${this.original.length} rows` : "";
        this.all.hidden = this.isWhole || shown.size === matching.length;
      }
    }
  }

  const tables = new Map([...document.querySelectorAll("table")].map((table) => [table, new SortedTable(table)]));

  // A table that fits needs no words on how to see the rest of it.
  const measure = () => {
    for (const { parentElement: scroller } of tables.keys())
      scroller.classList.toggle("fits", scroller.scrollWidth <= scroller.clientWidth);
  };
  window.addEventListener("resize", measure);
  measure();

  // The id after the address's #, which a user may have mistyped.
  const wanted = () => {
    try {
      return decodeURIComponent(location.hash.slice(1));
    } catch {
      return "";
    }
  };

  // A link to a row that is folded away unfolds its table.
  const reveal = () => {
    const target = document.getElementById(wanted());
    const row = target && target.closest("tr");
    if (row && row.hidden) {
      tables.get(row.closest("table")).showAll();
      target.scrollIntoView({ block: "center" });
    }
  };
  window.addEventListener("hashchange", reveal);
  window.addEventListener("beforeprint", () => {
    for (const table of tables.values()) if (table.original.length <= MOST_ROWS_TO_PRINT) table.showAll();
  });
  reveal();

  const frames = document.getElementById("frames");
  for (const [name, text] of Object.entries(frames ? JSON.parse(frames.textContent) : {})) {
    const size = `${Math.max(1, Math.round(new Blob([text]).size / 1000)).toLocaleString("en")} kB`;
    const button = make("button", { type: "button", textContent: `${name}.csv, ${size}` });
    button.addEventListener("click", () => {
      const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: `${name}.csv` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
    document.getElementById("data").append(" ", button);
  }
}
