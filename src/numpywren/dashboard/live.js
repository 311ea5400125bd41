// Fills the page with what the server tells: with each look how far the run is, and now and then new figures.
(() => {
  const main = document.querySelector("main");
  const by_id = (id) => document.getElementById(id);
  const drawn = main.dataset.drawing !== undefined;
  const model = (name) => Bokeh.documents[0].get_model_by_name(name);
  let began = Number(main.dataset.began ?? 0), batches = Number(main.dataset.batches ?? 0), end = null;

  // -- how far it is -------------------------------------------------------------------------------------------------

  function say(id, text) {
    by_id(id).textContent = text ?? "";
    by_id(id).hidden = !text;
  }

  function cells(row, texts) {
    for (const text of texts) row.appendChild(document.createElement("td")).textContent = text;
    return row;
  }

  function now(told) {
    by_id("now").dataset.state = told.state;
    by_id("state").textContent = told.state;
    by_id("progress").textContent = told.progress;
    by_id("pace").textContent = told.pace;
    by_id("pace").title = told.pace_by;
    by_id("bar").value = told.share;
    document.title = `${Math.floor(100 * told.share)}% ${document.querySelector("h1").textContent}`;
    by_id("counts").replaceChildren(...Object.entries(told.counts).map(([what, count]) => {
      const shown = document.createElement("span"), number = document.createElement("b");
      number.textContent = count;
      shown.append(`${what} `, number);
      return shown;
    }));
    say("failure", told.failure);
    say("hint", told.hint);
    say("trouble", told.trouble);
    by_id("held").hidden = told.held.length === 0;
    by_id("held").querySelector("tbody").replaceChildren(
      ...told.held.map((each) => cells(document.createElement("tr"), each)));
    if (by_id("cancel")) by_id("cancel").hidden = told.state !== "running";
    if (!drawn && told.silent) say("silent", told.silent);
  }

  // -- figures -------------------------------------------------------------------------------------------------------

  // for each row of the timeline its tasks, by their starts; times of day, as the beginning may turn out to be earlier
  const rows = [];
  const columns = ["start", "end", "stalled", "kernel", "task"];

  function add(tasks) {
    const unsorted = new Set();
    for (let i = 0; i < tasks.row.length; i++) {
      const number = tasks.row[i];
      while (rows.length <= number) rows.push(Object.fromEntries(columns.map((name) => [name, []])));
      const row = rows[number];
      const start = tasks.start[i] + began;
      if (row.start.length && start < row.start[row.start.length - 1]) unsorted.add(row);
      row.start.push(start);
      row.end.push(tasks.end[i] + began);
      for (const name of ["stalled", "kernel", "task"]) row[name].push(tasks[name][i]);
    }
    for (const row of unsorted) {
      const order = row.start.map((_, i) => i).sort((i, j) => row.start[i] - row.start[j]);
      for (const name of columns) row[name] = order.map((i) => row[name][i]);
    }
  }

  function all_tasks() {
    const count = rows.reduce((sum, row) => sum + row.start.length, 0);
    const data = {
      row: new Int32Array(count), start: new Float64Array(count), end: new Float64Array(count),
      stalled: new Float64Array(count), kernel: new Int32Array(count), task: new Array(count),
    };
    let at = 0;
    rows.forEach((row, number) => {
      for (let i = 0; i < row.start.length; i++, at++) {
        data.row[at] = number;
        data.start[at] = row.start[i] - began;
        data.end[at] = row.end[i] - began;
        for (const name of ["stalled", "kernel", "task"]) data[name][at] = row[name][i];
      }
    });
    return data;
  }

  // the whole time stays in view unless somebody has zoomed
  function stretch(seconds) {
    const time = model("time"), margin = 0.01 * Math.max(seconds, 1e-6);
    const [low, high] = end ?? [time.start, time.end];
    const whole = time.start <= low && time.end >= high;
    end = [-margin, seconds + margin];
    time.setv({bounds: end, reset_start: end[0], reset_end: end[1]});
    if (whole) time.setv({start: end[0], end: end[1]});
  }

  function set_lanes({height, labels, ticks}) {
    const plot = Bokeh.documents[0].roots()[0], axis = plot.left[0];
    if (model("lanes").data.label.length === labels.length) return;
    model("lanes").data = {label: labels};
    plot.y_range.setv({start: Math.max(labels.length, 1) - 0.4, end: -0.6});
    plot.height = height;
    if (axis.ticker.type === "FixedTicker") {
      axis.ticker.ticks = Object.keys(ticks).map(Number);
      axis.major_label_overrides = new Map(Object.entries(ticks).map(([at, name]) => [Number(at), name]));
    }
  }

  // text is replaced only where it changed, and what was folded out stays so
  function replace(name, html) {
    const part = by_id(`part-${name}`);
    if (part.told === html) return;
    const open = [...part.querySelectorAll("details")].map((each) => each.open);
    part.innerHTML = part.told = html;
    part.querySelectorAll("details").forEach((each, i) => { if (i < open.length) each.open = open[i]; });
  }

  function figures(told) {
    if (!drawn || told.drawing !== Number(main.dataset.drawing)) {
      stream.close();
      sessionStorage.setItem("theme", document.documentElement.dataset.theme);
      window.location.reload();
      return;
    }
    began = told.began;
    add(told.tasks);
    batches = told.batches;
    set_lanes(told.lanes);
    stretch(told.end);
    model("timeline").data = all_tasks();
    for (const [name, data] of Object.entries(told.sources)) model(name).data = data;
    for (const [name, html] of Object.entries(told.parts)) replace(name, html);
    main.dataset.batches = batches;
  }

  // -- the stream ----------------------------------------------------------------------------------------------------

  let stream = null;

  function listen() {
    if (drawn) {
      const {row, ...held} = model("timeline").data;
      add({row, ...held});
    }
    stream = new EventSource(`events?since=${batches}`);
    stream.addEventListener("now", (event) => now(JSON.parse(event.data)));
    stream.addEventListener("figures", (event) => figures(JSON.parse(event.data)));
    stream.addEventListener("closed", () => {
      stream.close();
      say("trouble", "The dashboard was closed; this page stays as it is.");
    });
    stream.onerror = () => say("trouble", "The dashboard does not answer; what is shown may be old.");
  }

  function when_painted() {
    if (!drawn || (Bokeh.documents.length > 0 && document.documentElement.dataset.painted)) listen();
    else window.setTimeout(when_painted, 20);
  }

  const theme = sessionStorage.getItem("theme");
  if (theme && theme !== document.documentElement.dataset.theme) by_id("theme").click();
  sessionStorage.removeItem("theme");

  if (by_id("cancel")) {
    by_id("cancel").addEventListener("click", () => by_id("sure").showModal());
    by_id("sure").addEventListener("close", async () => {
      if (by_id("sure").returnValue !== "stop") return;
      const answer = await fetch("cancel", {method: "POST"});
      if (!answer.ok) say("trouble", await answer.text());
    });
  }
  when_painted();
})();
