"use strict";
// The page is complete without this: it sorts, filters, and says what a mark stands for.

/** A cell's number, or its text. */
function keyOf(row, column) {
  const cell = row.cells[column];
  return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent.trim().toLowerCase();
}

function compare(a, b) {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
}

/** Numbers come largest first, texts from A; another press turns it round. */
function sortBy(table, header) {
  const column = header.cellIndex;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const first = header.classList.contains("left") ? "ascending" : "descending";
  const other = first === "ascending" ? "descending" : "ascending";
  const direction = header.getAttribute("aria-sort") === first ? other : first;
  const sign = direction === "ascending" ? 1 : -1;
  rows.sort((a, b) => sign * compare(keyOf(a, column), keyOf(b, column)));
  for (const one of table.tHead.rows[0].cells) one.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", direction);
  body.append(...rows);
}

function makeSortable(table) {
  for (const header of table.tHead.rows[0].cells) {
    header.querySelector("button").addEventListener("click", () => sortBy(table, header));
  }
}

/** Show what a layer is in this part of the page: its marks in every chart, and its row. */
function light(part, layer) {
  for (const one of part.querySelectorAll(".lit")) one.classList.remove("lit");
  if (layer === undefined) return;
  for (const one of part.querySelectorAll(`[data-layer="${layer}"]`)) one.classList.add("lit");
}

/** The mark nearest to a pointer: along x in bar charts, so that small bars can be hit too. */
function nearest(svg, marks, event) {
  let best = null;
  let least = Infinity;
  for (const mark of marks) {
    if (mark.classList.contains("dim")) continue;
    const box = mark.getBoundingClientRect();
    const dx = box.x + box.width / 2 - event.clientX;
    const dy = svg.dataset.pick === "x" ? 0 : box.y + box.height / 2 - event.clientY;
    const distance = Math.hypot(dx, dy);
    // Of two dots above each other the later one lies on top.
    if (distance <= least) [best, least] = [mark, distance];
  }
  return best;
}

function makeReadable(figure, part) {
  const svg = figure.querySelector("svg");
  const tip = figure.querySelector(".tip");
  const marks = Array.from(svg.querySelectorAll(".mark"));
  const inOrder = [...marks].sort((a, b) => a.dataset.layer - b.dataset.layer);
  let current = null;

  function show(mark) {
    if (mark === null || mark === current) return;
    current = mark;
    tip.textContent = mark.dataset.tip;
    tip.classList.add("on");
    light(part, mark.dataset.layer);
  }

  svg.addEventListener("pointermove", (event) => show(nearest(svg, marks, event)));
  svg.addEventListener("pointerdown", (event) => show(nearest(svg, marks, event)));
  svg.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };
    const seen = inOrder.filter((mark) => !mark.classList.contains("dim"));
    if (!seen.length) return;
    if (event.key in steps) {
      const at = seen.indexOf(current);
      const next = at < 0 ? (steps[event.key] > 0 ? 0 : seen.length - 1) : at + steps[event.key];
      show(seen[(next + seen.length) % seen.length]);
    } else if (event.key === "Home" || event.key === "End") {
      show(seen.at(event.key === "Home" ? 0 : -1));
    } else {
      return;
    }
    event.preventDefault();
  });
  svg.addEventListener("pointerleave", () => {
    current = null;
    light(part);
  });
}

/** One chart at a time, and only the layers that are asked for. */
function makeSwitchable(part) {
  const controls = part.querySelector(".controls");
  const charts = part.querySelectorAll("figure[data-metric]:not(.plot)");
  const rows = Array.from(part.querySelectorAll("tbody tr[data-layer]"));
  const marks = part.querySelectorAll(".mark");
  const sums = part.querySelector("th[data-sums]").cellIndex;
  const total = rows.reduce((sum, row) => sum + keyOf(row, sums), 0);

  function choose() {
    const metric = controls.querySelector("[data-role=metric] input:checked").value;
    for (const chart of charts) chart.hidden = chart.dataset.metric !== metric;
  }

  function filter() {
    const kind = controls.querySelector("[data-role=kind] input:checked").value;
    const wanted = controls.querySelector("[data-role=search]").value.trim().toLowerCase();
    const shown = new Set();
    let cycles = 0;
    for (const row of rows) {
      const name = row.querySelector("th").textContent.toLowerCase();
      row.hidden = Boolean((kind && row.dataset.kind !== kind) || !name.includes(wanted));
      if (row.hidden) continue;
      shown.add(row.dataset.layer);
      cycles += keyOf(row, sums);
    }
    for (const mark of marks) mark.classList.toggle("dim", !shown.has(mark.dataset.layer));
    const share = ((100 * cycles) / total).toFixed(1);
    part.querySelector(".shown").textContent = `${shown.size} of ${rows.length} layers, ${share} % of the cycles`;
  }

  controls.hidden = false;
  part.querySelector(".legend").hidden = true;
  controls.querySelector("[data-role=metric]").addEventListener("change", choose);
  controls.querySelector("[data-role=kind]").addEventListener("change", filter);
  controls.querySelector("[data-role=search]").addEventListener("input", filter);
  choose();
  filter();
}

document.querySelectorAll("table.sortable").forEach(makeSortable);
for (const part of document.querySelectorAll("main > section")) {
  for (const figure of part.querySelectorAll("figure.chart")) makeReadable(figure, part);
  if (part.classList.contains("model")) makeSwitchable(part);
}
document.body.dataset.state = "ready";
