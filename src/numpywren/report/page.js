// Light or dark: as the system has it, until somebody says otherwise. Bokeh paints on canvases, which no style sheet
// reaches, so that its texts and lines are given their colours here.
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;

  const shade = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  function paint() {
    root.dataset.theme = (chosen ?? (system.matches ? "dark" : "light"));
    const text = shade("--text"), faint = shade("--faint"), line = shade("--line");
    for (const document_ of Bokeh.documents) {
      for (const plot of document_.roots()) {
        for (const side of [...plot.below, ...plot.left, ...plot.above, ...plot.right]) {
          if (side.type.endsWith("Axis")) {
            side.setv({
              axis_label_text_color: text, major_label_text_color: faint,
              axis_line_color: line, major_tick_line_color: line,
            });
          } else if (side.type === "Legend") {
            side.setv({ label_text_color: text, inactive_fill_color: shade("--ground") });
          }
        }
        for (const grid of plot.center) {
          if (grid.type === "Grid") grid.setv({ grid_line_color: line });
        }
      }
    }
    root.dataset.painted = root.dataset.theme;
  }

  function when_drawn() {
    if (window.Bokeh && Bokeh.documents.length > 0) paint();
    else window.setTimeout(when_drawn, 20);
  }

  root.dataset.theme = system.matches ? "dark" : "light";
  system.addEventListener("change", paint);
  document.getElementById("theme").addEventListener("click", () => {
    chosen = root.dataset.theme === "dark" ? "light" : "dark";
    paint();
  });
  when_drawn();
})();
