// Draws the part of the timeline that is to be seen, no finer than its pixels: a run may have a million tasks.
// raw: every task, by row and start; lanes: names of rows; shown: what is drawn, a source for each colour; of: colour of
// each kernel.
const MOST = 10000;
const rows = Math.max(lanes.data.label.length, 1);
const {row, start, end, kernel} = raw.data;
if (!raw.begins || raw.known !== row) {
  raw.known = row;
  raw.begins = new Uint32Array(rows + 1);
  for (let i = 0; i < row.length; i++) raw.begins[row[i] + 1]++;
  for (let r = 0; r < rows; r++) raw.begins[r + 1] += raw.begins[r];
}
const width = Math.max(plot.inner_width, 200), height = Math.max(plot.inner_height, 100);
const x0 = range.start, x1 = range.end;
const group = Math.max(1, Math.ceil((2 * rows) / height));
const bins = Math.floor(Math.max(20, Math.min(width, (MOST * group) / rows)));
const bin = (x1 - x0) / bins;
const bars = shown.map(() => ({row: [], left: [], right: [], height: [], index: [], count: []}));

function draw(y, left, right, tall, index, count) {
  const into = bars[of[kernel[index]]];
  into.row.push(y); into.left.push(left); into.right.push(right);
  into.height.push(tall); into.index.push(index); into.count.push(count);
}

// the first task of a row that ends after the left edge
function first(r) {
  let low = raw.begins[r], high = raw.begins[r + 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (end[middle] > x0) high = middle; else low = middle + 1;
  }
  return low;
}

// one row: tasks as they are; those too short to be seen are drawn together, as the longest of them
function exactly(r) {
  let in_bin = -1, left = 0, right = 0, longest = 0, index = 0, count = 0;
  const flush = () => { if (count) draw(r, left, right, 0.82, index, count); count = 0; in_bin = -1; };
  for (let i = first(r); i < raw.begins[r + 1] && start[i] < x1; i++) {
    const seconds = end[i] - start[i];
    if (seconds >= bin) { flush(); draw(r, start[i], end[i], 0.82, i, 1); continue; }
    const at = Math.floor((start[i] - x0) / bin);
    if (at !== in_bin) { flush(); in_bin = at; left = start[i]; longest = -1; }
    right = end[i]; count++;
    if (seconds > longest) { longest = seconds; index = i; }
  }
  flush();
}

// several rows in one line: in each stretch of time the kernel that took most of it
function together(top) {
  const last = Math.min(top + group, rows), colours = shown.length;
  const taken = new Float64Array(bins * colours), example = new Int32Array(bins * colours), counts = new Int32Array(bins);
  for (let r = top; r < last; r++) {
    for (let i = first(r); i < raw.begins[r + 1] && start[i] < x1; i++) {
      const from = Math.max(0, Math.floor((start[i] - x0) / bin)), to = Math.min(bins - 1, Math.floor((end[i] - x0) / bin));
      for (let b = from; b <= to; b++) {
        const place = b * colours + of[kernel[i]];
        taken[place] += Math.min(end[i], x0 + (b + 1) * bin) - Math.max(start[i], x0 + b * bin);
        example[place] = i; counts[b]++;
      }
    }
  }
  for (let b = 0; b < bins; b++) {
    let best = 0, sum = 0;
    for (let c = 0; c < colours; c++) {
      sum += taken[b * colours + c];
      if (taken[b * colours + c] > taken[b * colours + best]) best = c;
    }
    const share = Math.min(sum / (bin * (last - top)), 1);
    if (share > 0.01) {
      const middle = (top + last - 1) / 2;
      draw(middle, x0 + b * bin, x0 + (b + 1) * bin, 0.95 * (last - top) * share, example[b * colours + best], counts[b]);
    }
  }
}

if (group === 1) for (let r = 0; r < rows; r++) exactly(r);
else for (let r = 0; r < rows; r += group) together(r);
shown.forEach((source, number) => {
  const {index, ...columns} = bars[number];
  source.data = {...columns, task: index, kernel: index, on: index, began: index, took: index, waited: index};
});
