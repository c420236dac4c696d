// Time series, drawn from the tables that stand below them: without this script the tables are
// what there is. A figure is `<figure data-chart>` with a `.plot` and a table, whose header cells
// name the series, whose rows have `data-x` (Unix seconds) and whose cells have `data-y`.
"use strict";

// `light-dark()` is resolved where it is used: an element's own colour says which one holds.
const resolved = (name) => {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};

const read = (figure) => {
  const table = figure.querySelector("details table");
  const names = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent.trim());
  const rows = [...table.tBodies[0].rows];
  const xs = rows.map((row) => Number(row.dataset.x));
  const columns = names.map((_, i) =>
    rows.map((row) => {
      const value = row.cells[i + 1].dataset.y;
      return value === "" || value === undefined ? null : Number(value);
    }),
  );
  return { names, data: [xs, ...columns] };
};

const INKS = ["--accent", "--bad", "--warn"];

const draw = (figure) => {
  const place = figure.querySelector(".plot");
  const { names, data } = read(figure);
  const soft = resolved("--soft");
  const line = resolved("--line");
  const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  const options = {
    width: place.clientWidth,
    height: 240,
    scales: { x: { time: true }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    axes: [axis, { ...axis, size: 60 }],
    series: [
      {},
      ...names.map((label, i) => ({
        label,
        stroke: resolved(INKS[i % INKS.length]),
        width: 2,
        // A value that stands alone has no line to be seen by.
        points: { show: data[i + 1].filter((value) => value !== null).length < 60 },
      })),
    ],
  };
  place.replaceChildren();
  const plot = new uPlot(options, data, place);
  figure.dataset.drawn = String(data[0].length);
  return plot;
};

const figures = [...document.querySelectorAll("figure[data-chart]")];
let plots = [];
const drawAll = () => {
  for (const plot of plots) plot.destroy();
  plots = figures.map(draw);
};

if (window.uPlot && figures.length) {
  drawAll();
  addEventListener("resize", () => {
    plots.forEach((plot, i) =>
      plot.setSize({ width: figures[i].querySelector(".plot").clientWidth, height: 240 }),
    );
  });
  new MutationObserver(drawAll).observe(document.documentElement, {
    attributeFilter: ["data-theme"],
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
}
