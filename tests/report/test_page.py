"""The page in a real browser: Chromium, without a network and without a screen."""

from pathlib import Path

import pytest
from report.journals import busy_worker, empty_run, write

from numpywren.config import format_bytes

#: A loaded machine takes its time.
PATIENCE_MS = 120_000


class Opened:
    """A page, and what it complained of."""

    def __init__(self, browser, path, scheme="light"):
        self.context = browser.new_context(color_scheme=scheme, viewport={"width": 1200, "height": 900}, offline=True)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.complaints, self.fetched = [], []
        self.page.on("console", lambda told: self.complaints.append(told.text) if told.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda asked: self.fetched.append(asked.url))
        self.page.goto(Path(path).as_uri())
        self.page.wait_for_selector("html[data-painted]")
        self.page.wait_for_function(f"Bokeh.documents[0].is_idle && {BARS} > 0")

    def __getattr__(self, name):
        return getattr(self.page, name)


#: Number of bars that the timeline draws.
BARS = """Bokeh.documents[0].roots()[0].renderers.map(r => r.data_source.data.left.length).reduce((a, b) => a + b)"""
#: Number of tasks that they stand for.
TASKS = """Bokeh.documents[0].roots()[0].renderers
    .map(r => Array.from(r.data_source.data.count)).flat().reduce((a, b) => a + b, 0)"""


@pytest.fixture(scope="module")
def saved(recorded, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "run.html"
    report = recorded.report()
    report.save(path)
    return report, path


@pytest.fixture
def opened(browser, saved):
    page = Opened(browser, saved[1])
    yield page
    page.context.close()


def test_it_opens_without_a_network_and_without_complaints(opened, saved):
    assert not opened.complaints
    assert [url for url in opened.fetched if not url.startswith(("data:", "blob:"))] == [saved[1].as_uri()]
    assert opened.title() == "cholesky: numpywren report"
    assert "BSD-3-Clause" in opened.text_content("footer")


def test_it_shows_the_figures_of_the_run(opened, saved):
    report, _ = saved
    assert opened.text_content("#card-tasks") == f"{report.done:,}"
    assert opened.text_content("#card-utilisation") == f"{report.utilisation:.0%}"
    assert opened.text_content("#card-read") == format_bytes(report.bytes_read)
    assert opened.text_content("#card-written") == format_bytes(report.bytes_written)
    assert opened.text_content("#card-gflops") == f"{report.gflops:.3g}"
    rows = opened.locator("#figures tbody tr").all_inner_texts() or []
    assert len(rows) == len(list(report.rows()))
    assert opened.locator("#kernels-table tbody tr").count() == len(report.tasks.kernels)
    assert opened.locator("#slowest-table tbody tr").first.locator("td").first.inner_text() == report.slowest[0].task


def test_commands_in_notes_look_like_commands(opened, saved):
    commands = [note.split("`")[1] for note in saved[0].notes if "`" in note]
    assert commands
    shown = opened.locator("ul.notes code").all_text_contents()
    assert shown[: len(commands)] == commands
    assert "`" not in opened.text_content("ul.notes")


def test_it_draws_every_figure_with_named_axes(opened):
    labels = opened.evaluate(
        "Bokeh.documents[0].roots().map(plot => [plot.below[0].axis_label, plot.left[0].axis_label])"
    )
    assert len(labels) == 6
    assert all(below and left for below, left in labels)
    assert all("(s)" in below for below, _ in labels)
    for place in range(6):
        assert painted(opened, place) > 100


def painted(opened, place):
    """How many pixels of a figure are not of its ground."""
    return opened.evaluate(
        """place => {
            const view = Bokeh.index.get_by_id(Bokeh.documents[0].roots()[place].id);
            const canvas = view.export("png", false).canvas;
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            let count = 0;
            for (let i = 3; i < data.length; i += 4) count += data[i] > 32;
            return count;
        }""",
        place,
    )


def test_the_timeline_holds_every_task(opened, saved):
    assert opened.evaluate(TASKS) == len(saved[0].tasks)
    names = opened.evaluate("Bokeh.documents[0].roots()[0].renderers.length")
    assert names == len(saved[0].tasks.kernels)


def drag(opened, start, end):
    """Drag the mouse over a part of the timeline, given in shares of its width."""
    box = opened.locator("#timeline .figure").bounding_box()
    left, width = box["x"] + 80, box["width"] - 120
    y = box["y"] + box["height"] / 2
    opened.mouse.move(left + start * width, y)
    opened.mouse.down()
    opened.mouse.move(left + end * width, y, steps=5)
    opened.mouse.up()


def test_a_drag_zooms_all_figures_over_time(opened, saved):
    end = saved[0].wall
    before = opened.evaluate(TASKS)
    drag(opened, 0.45, 0.55)
    opened.wait_for_function(f"Bokeh.documents[0].roots()[0].x_range.end < {0.8 * end}")
    ranges = opened.evaluate(
        "Bokeh.documents[0].roots().slice(0, 5).map(plot => [plot.x_range.start, plot.x_range.end])"
    )
    assert len({tuple(each) for each in ranges}) == 1
    assert ranges[0][1] - ranges[0][0] < 0.3 * end
    assert opened.evaluate(TASKS) < before
    assert not opened.complaints


def test_what_lies_under_the_mouse_is_told(opened, saved):
    report, _ = saved
    # the longest task, wherever it was drawn
    at = opened.evaluate(
        """() => {
            const plot = Bokeh.documents[0].roots()[0], view = Bokeh.index.get_by_id(plot.id);
            let best = null;
            for (const r of plot.renderers) {
              const d = r.data_source.data;
              for (let i = 0; i < d.left.length; i++)
                if (!best || d.right[i] - d.left[i] > best.length)
                  best = {length: d.right[i] - d.left[i], x: (d.left[i] + d.right[i]) / 2, y: d.row[i]};
            }
            const box = view.el.getBoundingClientRect();
            const frame = view.frame;
            return {x: box.x + frame.x_scale.compute(best.x), y: box.y + frame.y_scale.compute(best.y)};
        }"""
    )
    opened.mouse.move(at["x"], at["y"])
    told = opened.locator(".bk-Tooltip, .bk-tooltip").first
    told.wait_for(state="attached")
    assert report.slowest[0].task in told.evaluate("tip => tip.textContent + (tip.shadowRoot?.textContent ?? '')")


def test_light_and_dark(browser, saved):
    grounds = {}
    for scheme in ("light", "dark"):
        page = Opened(browser, saved[1], scheme)
        assert page.get_attribute("html", "data-theme") == scheme
        grounds[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        label = page.evaluate("Bokeh.documents[0].roots()[0].below[0].axis_label_text_color")
        assert label == page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--text').trim()")
        page.click("#theme")
        page.wait_for_selector(f"html[data-painted={'dark' if scheme == 'light' else 'light'}]")
        assert page.evaluate("Bokeh.documents[0].roots()[0].below[0].axis_label_text_color") != label
        assert not page.complaints
        page.context.close()
    assert grounds["light"] != grounds["dark"]


def test_colours_can_be_told_apart_on_both_grounds():
    from numpywren.report.figures import COLOURS

    def luminance(colour):
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for colour in COLOURS:
        for ground in ("#ffffff", "#14171c"):
            low, high = sorted((luminance(colour), luminance(ground)))
            assert (high + 0.05) / (low + 0.05) > 2.0, (colour, ground)


def test_names_of_others_are_text_not_code(browser, tmp_path):
    run = empty_run(tmp_path)
    worker = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>"
    events = busy_worker("w", 4)
    write(run, "w", [*events[:-1]])
    hostile = run.report(predict=False)
    object.__setattr__(hostile, "name", worker)
    object.__setattr__(hostile.tasks, "kernels", (worker, *hostile.tasks.kernels[1:]))
    hostile.tasks.task[0] = worker
    hostile.save(tmp_path / "run.html")
    page = Opened(browser, tmp_path / "run.html")
    assert page.title() == f"{worker}: numpywren report"
    assert page.locator("img[src=x]").count() == 0
    assert not page.complaints
    page.context.close()


@pytest.mark.parametrize("workers", [8, 400])
def test_a_run_of_a_hundred_thousand_tasks(browser, tmp_path, workers):
    run = empty_run(tmp_path)
    for worker in range(workers):
        write(run, f"w{worker}", busy_worker(f"w{worker}", 100_000 // workers, column=worker))
    report = run.report(predict=False)
    assert len(report.tasks) == 100_000
    report.save(tmp_path / "run.html")
    assert (tmp_path / "run.html").stat().st_size < 12e6
    page = Opened(browser, tmp_path / "run.html")
    assert page.text_content("#card-tasks") == "100,000"
    # no more is drawn than can be seen, and that anew for each stretch of time
    assert page.evaluate(BARS) <= 20_000
    drag(page, 0.3, 0.31)
    page.wait_for_function(f"Bokeh.documents[0].roots()[0].x_range.end < {0.8 * report.wall}")
    page.wait_for_function("Bokeh.documents[0].is_idle")
    assert 0 < page.evaluate(BARS) <= 20_000
    seconds = page.evaluate(
        """async () => {
            const began = performance.now();
            for (let i = 0; i < 10; i++) Bokeh.documents[0].roots()[0].x_range.setv({start: i, end: i + 20});
            return (performance.now() - began) / 10 / 1000;
        }"""
    )
    assert seconds < 1.0  # a tenth of that on a machine that has nothing else to do
    assert not page.complaints
    page.context.close()
