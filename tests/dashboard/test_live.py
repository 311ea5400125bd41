"""The page in a real browser, while runs go on."""

import re

import numpy as np
import pytest
from report.journals import busy_worker, empty_run, start, two_tasks, write

from numpywren.config import format_bytes
from numpywren.control import Failure
from numpywren.events import TaskDone, TaskFailed, WorkerExit, WorkerStart
from numpywren.matrix import open_store

BARS = """Bokeh.documents[0].roots()[0].renderers.map(r => r.data_source.data.left.length).reduce((a, b) => a + b)"""


#: Milliseconds for which the page did not answer at a time.
LONGEST = """() => {
    window.longest = 0;
    const note = (each) => { window.longest = Math.max(window.longest, each.duration); };
    new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({type: "longtask"});
}"""
COLOURS = """part => {
    const {color, backgroundColor} = getComputedStyle(document.querySelector(part));
    return [color, backgroundColor];
}"""


@pytest.fixture
def recorded(tmp_path):
    """A run that is done; nothing was written down."""
    return empty_run(tmp_path / "store")


def test_a_run_is_followed_to_its_end(halted, watch):
    before = halted.status()
    with halted.dashboard() as board:
        page = watch(board.url)
        assert page.text_content("#state") == "running"
        assert f"{before.done:,} of {before.total:,} tasks" in page.text_content("#progress")
        halted.start(1)
        # two looks, at least, if the run takes so long
        page.wait_for_selector("#now[data-state='running'] #pace:has-text(' left'), #now[data-state='done']")
        halted.wait(progress=False)
        page.wait_for_selector("#now[data-state='done']")
        report = halted.report(predict=False)
        page.until_tasks(len(report.tasks))
        assert f"{before.total:,} of {before.total:,} tasks, 100%" in page.text_content("#progress")
        assert page.text_content("#card-tasks") == f"{report.done:,}"
        assert re.fullmatch(r"predicted [\d.]+ m?s", page.text_content(".card:has(#card-wall) small"))
        assert "predicted on this-machine" in page.text_content("#figures")
        assert page.text_content("#card-utilisation") == f"{report.utilisation:.0%}"
        assert page.text_content("#card-read") == format_bytes(report.bytes_read)
        assert page.text_content("#card-written") == format_bytes(report.bytes_written)
        by_kernel = page.inner_text("#by-kernel")
        whole = re.findall(r"(\d+) of \1\b", by_kernel)
        assert (len(whole), sum(map(int, whole))) == (4, before.total), by_kernel
        assert page.locator("#workers-table tbody tr").count() == len(report.workers) == 2
        assert page.source("timeline")["start"] == pytest.approx(
            [start for row in sorted(set(rows_of(report))) for start in starts_of(report, row)], abs=1e-5
        )
        assert page.title() == "100% cholesky"
        assert not page.complaints
        asked = {url.removeprefix(board.url).split("?")[0] for url in page.asked if url.startswith("http")}
        assert asked == {"", "events"}


def rows_of(report):
    return (2 * report.tasks.by + report.tasks.slot).tolist()


def starts_of(report, row):
    return sorted(report.tasks.start_s[np.array(rows_of(report)) == row].tolist())


def test_new_events_are_drawn_where_they_belong(recorded, watch):
    write(recorded, "w", busy_worker("w", 20)[:-1])
    with recorded.dashboard() as board:
        page = watch(board.url)
        page.painted()
        page.until_tasks(20)
        page.evaluate("window.same = true")  # lost where a page is loaded again
        end = page.evaluate("Bokeh.documents[0].get_model_by_name('time').end")
        # a worker that is new, and began before all others
        write(recorded, "v", [start("v", 0.25, 3), *busy_worker("v", 40, slots=3)[1:-1]])
        page.until_tasks(60)
        held = page.source("timeline")
        assert page.source("lanes")["label"] == [f"w{w}, slot {s}" for w, s in [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]]
        assert [held["row"].count(row) for row in range(5)] == [10, 10, 14, 13, 13]
        assert held["start"][0] == pytest.approx(0.75, abs=1e-5)
        places = list(zip(held["row"], held["start"], strict=True))
        assert places == sorted(places)
        ranges = (
            "(() => { const p = Bokeh.documents[0].roots()[0]; return [p.y_range.start, p.left[0].ticker.ticks] })()"
        )
        assert page.evaluate(ranges) == [4.6, [0.5, 3.0]]
        # who has zoomed stays where he is
        assert page.evaluate("Bokeh.documents[0].get_model_by_name('time').end") != end
        page.evaluate("Bokeh.documents[0].get_model_by_name('time').setv({start: 0.5, end: 0.9})")
        write(recorded, "w", [TaskDone("0:1", 0, 5.0, 0.0, 60.0, 0.0), WorkerExit("w", "idle", 60.0)], number=1)
        page.until_tasks(61)
        time = page.evaluate("(() => { const t = Bokeh.documents[0].get_model_by_name('time'); "
                             "return [t.start, t.end, t.reset_end] })()")  # fmt: skip
        assert time == [0.5, 0.9, pytest.approx(59.75 * 1.01)]
        assert "left: idle" in page.inner_text("#comings")
        assert page.evaluate("window.same")
        assert page.evaluate(BARS) > 0
        assert not page.complaints


def test_a_run_about_which_nothing_is_written_yet(recorded, watch):
    with recorded.dashboard() as board:
        page = watch(board.url)
        assert "Workers have written nothing down yet" in page.inner_text("#silent")
        open_store(recorded.url).put("events/w/000000.json.gz", b"half of a ba")
        page.wait_for_selector("#silent:has-text('None of 1 event files can be read')")
        write(recorded, "w", two_tasks(), number=1)
        page.until_tasks(2)  # the page has loaded itself anew
        page.painted()
        assert "1 event files passed over" in page.inner_text("#failures").lower()
        assert "1 event files were passed over" in page.inner_text(".notes")
        assert not page.complaints


def test_a_page_whose_axes_change_is_loaded_anew_as_it_was_seen(recorded, watch):
    write(recorded, "w", two_tasks())
    with recorded.dashboard() as board:
        page = watch(board.url)
        page.painted()
        page.click("#theme")
        page.evaluate("window.same = true")
        for number in range(30):  # more than can be named
            write(recorded, f"v{number}", [start(f"v{number}", 11.0)])
        page.wait_for_function(
            "!window.same && Bokeh.documents[0]?.get_model_by_name('lanes')?.data.label.length === 31"
        )
        page.wait_for_selector("html[data-painted=dark]")
        assert not page.complaints


def test_how_a_run_failed_is_told(halted, plane, watch):
    with halted.dashboard() as board:
        page = watch(board.url)
        claimed = plane.claim("some<b>body", 2, 600.0)
        page.wait_for_selector("#held tbody tr:nth-child(2)", state="attached")
        assert "some<b>body" in page.text_content("#held")
        assert re.search(r"L\[\d+, \d+\]|S\[", page.text_content("#held"))
        plane.stop(Failure("failed", "LinAlgError", "<i>minor</i> 17 is not positive", task=claimed[0].task))
        page.wait_for_selector("#now[data-state='failed']")
        assert page.inner_text("#failure") == "LinAlgError: <i>minor</i> 17 is not positive"
        assert not page.complaints


def test_a_control_plane_that_goes_is_told_and_the_figures_stay(recorded, watch):
    write(recorded, "w", two_tasks())
    with recorded.dashboard() as board:
        page = watch(board.url)
        page.until_tasks(2)
        recorded.forget()
        page.wait_for_selector("#trouble:has-text('control plane')")
        assert page.tasks() == 2
        again = watch(board.url)
        again.until_tasks(2)
        assert not page.complaints + again.complaints


def test_what_others_wrote_is_text_not_code(recorded, watch):
    code = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>"
    with recorded.dashboard() as board:
        page = watch(board.url)
        told = [WorkerStart(code, code, 1, 1, 1, code, 1.0), TaskDone(code, 0, 1.0, 0.0, 2.0, 0.0)]
        write(recorded, "w0", [*told, TaskFailed(code, code, code, 2.0)])  # the page loads itself anew
        page.until_tasks(1)
        page.painted()
        write(recorded, "w1", [*told, WorkerExit(code, code, 3.0)])  # and is told more
        page.until_tasks(2)
        assert code in page.inner_text("#failures-table")
        assert f"on {code}" in page.inner_text("#comings")
        assert page.locator("img[src=x]").count() == 0
        assert page.title() == "100% cholesky"
        assert not page.complaints


def test_cancelling_needs_leave_and_confirmation(halted, watch):
    with halted.dashboard() as board:
        page = watch(board.url)
        assert page.locator("#cancel").count() == 0
    page.wait_for_selector("#trouble:has-text('was closed')")
    with halted.dashboard(allow_cancel=True) as board:
        page = watch(board.url)
        page.click("#cancel")
        page.click("#keep")
        page.wait_for_selector("#sure", state="hidden")
        assert halted.status().state == "running"
        page.click("#cancel")
        page.click("#stop")
        page.wait_for_selector("#now[data-state='cancelled']")
        assert halted.status().state == "cancelled"
        assert page.is_hidden("#cancel")
        assert not page.complaints


def test_light_and_dark(recorded, watch):
    write(recorded, "w", two_tasks())
    with recorded.dashboard() as board:
        grounds = set()
        for scheme in ("light", "dark"):
            page = watch(board.url, scheme)
            page.painted()
            assert page.get_attribute("html", "data-painted") == scheme
            for part in ("body", "#now", "#state"):
                shades = page.evaluate(COLOURS, part)
                assert contrast(*shades) > 4.5, (scheme, part, shades)
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert len(grounds) == 2


def contrast(*shades):
    def luminance(shade):
        parts = [int(part) / 255 for part in re.findall(r"\d+", shade)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted(map(luminance, shades))
    return (high + 0.05) / (low + 0.05)


def test_a_run_of_a_hundred_thousand_tasks(recorded, watch):
    for worker in range(25):
        events = busy_worker(f"w{worker}", 4000, slots=4, column=worker)
        last = next(place for place, event in enumerate(events) if isinstance(event, TaskDone) and place > 11_900)
        write(recorded, f"w{worker}", events[:last])
        if worker == 0:
            rest = events[last:-1]
    with recorded.dashboard() as board:
        page = watch(board.url)
        page.wait_for_function("(Bokeh.documents[0]?.get_model_by_name('timeline')?.data.task.length ?? 0) > 90000")
        page.painted()
        before = page.tasks()
        more = sum(isinstance(event, TaskDone) for event in rest)
        page.evaluate(LONGEST)
        write(recorded, "w0", rest, number=1)
        page.until_tasks(before + more)
        page.painted()
        assert page.evaluate(BARS) <= 20_000
        assert page.evaluate("window.longest") < 3000  # a tenth of that on a machine that has nothing else to do
        assert not page.complaints
