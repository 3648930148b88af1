"use strict";
// What the page does beyond standing still: it sorts tables, ranks anew, and draws figures that can be zoomed.
(() => {
  const $ = (id) => document.getElementById(id);
  const unpack = async (id) => {
    const packed = Uint8Array.from(atob($(id).textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const sortBy = (table, column, heading) => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    const value = (row) => {
      const cell = row.cells[column];
      return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
    };
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
      return down ? -order : order;
    });
    table.tBodies[0].append(...rows);
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      button.addEventListener("click", () => sortBy(table, column, heading));
      heading.replaceChildren(button);
    });
  }

  const rerank = (ranking) => {
    const part = $("sliders");
    const inputs = [...part.querySelectorAll("input")];
    const outputs = [...part.querySelectorAll("output")];
    const body = $("reranked").tBodies[0];
    const rows = [...body.rows];
    const refresh = () => {
      const raw = inputs.map((input) => Number(input.value));
      const sum = raw.reduce((a, b) => a + b, 0);
      // The weights that are left out have no scale: those that are there keep their sum.
      const whole = ranking.weights.reduce((a, b) => a + b, 0);
      const weights = raw.map((w) => (sum > 0 ? (w / sum) * whole : whole / raw.length));
      outputs.forEach((output, i) => { output.textContent = weights[i].toFixed(2); });
      const scored = ranking.rows.map((row, i) => ({
        j: row.parts.reduce((a, p, k) => a + p * weights[k], 0), row: rows.find((r) => Number(r.dataset.row) === i),
      }));
      scored.sort((a, b) => a.j - b.j);
      scored.forEach((one, place) => {
        one.row.cells[0].textContent = String(place + 1);
        one.row.cells[3].textContent = one.j.toFixed(5);
        body.append(one.row);
      });
    };
    inputs.forEach((input) => input.addEventListener("input", refresh));
    part.querySelector("button").addEventListener("click", () => {
      inputs.forEach((input, i) => { input.value = String(ranking.weights[i]); });
      refresh();
    });
    refresh();
    part.hidden = false;
  };

  const layout = (own) => {
    const line = { gridcolor: css("--line"), zerolinecolor: css("--line"), automargin: true };
    const axis = (given) => {
      const { title, ...rest } = given || {};
      return { ...line, ...rest, ...(title ? { title: { text: title } } : {}) };
    };
    const made = {
      margin: { l: 50, r: 15, t: 10, b: 40 }, autosize: true, paper_bgcolor: "rgba(0,0,0,0)", hovermode: "closest",
      plot_bgcolor: "rgba(0,0,0,0)", font: { color: css("--ink"), size: 12, family: "system-ui, sans-serif" },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, ...own,
    };
    for (const name of ["xaxis", "yaxis", "yaxis2"]) if (own[name] || name !== "yaxis2") made[name] = axis(own[name]);
    return made;
  };
  const options = { responsive: true, displaylogo: false, displayModeBar: false };
  const replace = (place, still, data, own) => {
    place.hidden = false;
    still.classList.add("replaced");
    return Plotly.react(place, data, layout(own), options);
  };

  const drawWeek = (weeks) => {
    const place = $("week-live");
    const label = place.dataset;
    const name = $("choose-controller").value;
    const first = 168 * Number($("choose-week").value);
    const cut = (values, scale = 10) => values.slice(first, first + 168).map((value) => value / scale);
    const own = weeks.controllers[name];
    const [pv, mall, ev] = [cut(weeks.shared.pv_kwh), cut(weeks.shared.mall_kwh), cut(own.ev)];
    const x = weeks.hours.slice(first, first + 168);
    const line = (title, y, color, more) => ({ type: "scatter", mode: "lines", name: title, x, y, line: { color }, ...more });
    const data = [
      line(label.pv, pv, "#c9b400", { fill: "tozeroy" }),
      line(label.mall, mall, css("--ink")),
      line(label.ev, ev, "#cc79a7"),
      line(label.import, cut(own.import), "#d55e00"),
      line(label.battery, cut(own.battery), "#3a86c8"),
      line(label.unused, cut(own.unused), "#009e73", { visible: "legendonly" }),
      line(`${label.soc}, %`, cut(own.soc), "#3a86c8", { yaxis: "y2" }),
    ];
    const still = document.querySelector("#figure-week");
    replace(place, still, data, {
      height: 520, hovermode: "x unified", yaxis: { title: label.kw, domain: [0.28, 1] },
      yaxis2: { title: "%", domain: [0, 0.2], range: [0, 100] }, xaxis: { type: "date", anchor: "y2" },
    });
  };

  const start = async () => {
    const data = JSON.parse(await unpack("page-data"));
    if (data.ranking) rerank(data.ranking);
    const library = document.createElement("script");
    library.textContent = await unpack("page-library");
    document.head.append(library);
    const places = [...document.querySelectorAll(".live[data-figure]")];
    const draw = () => {
      for (const place of places) {
        // A folded part has no width to draw in; it is drawn when it is opened.
        if (place.closest("details:not([open])")) continue;
        const own = data.figures[place.dataset.figure];
        replace(place, place.parentElement.querySelector(".still"), structuredClone(own.data), own.layout);
      }
      if (data.weeks) {
        $("choose").hidden = false;
        drawWeek(data.weeks);
      }
    };
    draw();
    for (const id of ["choose-controller", "choose-week"]) $(id)?.addEventListener("change", () => drawWeek(data.weeks));
    for (const part of document.querySelectorAll("details")) part.addEventListener("toggle", draw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    document.documentElement.dataset.drawn = "yes";
  };
  if ("DecompressionStream" in window) start();
})();
