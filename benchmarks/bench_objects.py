"""What the control plane without a server costs: requests, races and tasks a second, on a store that is far away.

    python benchmarks/bench_objects.py --latency 0.03 --processes 1 2 4 --slots 1 4 --task 0.5

The store is a local folder, each of whose requests takes so much longer; the tasks are those of a factorization
(Cholesky, by tiles), and sleep. Every slot is a thread that claims a task, does it and completes it; slots of a process
share a plane, as those of a worker do. A price is what a million such tasks cost at the list prices of S3 Standard in
us-east-1: $0.005 for 1000 writes, $0.0004 for 1000 reads; deleting is free.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from bench_control import Cholesky

from numpywren.control import Arrival, ControlPlane, TaskState, open_plane

#: Dollars for one request.
WRITE, READ = 0.005 / 1000, 0.0004 / 1000
#: Seconds between two looks of a slot that has nothing to do.
POLL_S = 0.1

WORKER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from bench_objects import team
print(flush=True)
input()
print(json.dumps(team(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]), sys.argv[6])))
"""


def counted(plane: ControlPlane) -> Counter[str]:
    """Count what a plane asks of its store from now on."""
    counts: Counter[str] = Counter()
    store = plane._log.store  # noqa: SLF001

    def counting(name: str, method):
        def call(*arguments, **options):
            answer = method(*arguments, **options)
            counts[name] += 1
            if name == "put_if_match":
                counts["lost races"] += answer is None
                counts["bytes up"] += len(arguments[1])
            return answer

        return call

    for name in ("get", "put", "get_with_etag", "get_if_changed", "put_if_match"):
        setattr(store, name, counting(name, getattr(store, name)))
    return counts


def team(url: str, tiles: int, slots: int, task_s: float, name: str) -> dict[str, int]:
    """Work with so many slots until there is nothing left; what was asked of the store."""
    work, plane = Cholesky(tiles), open_plane(url)
    counts = counted(plane)

    def slot() -> None:
        while True:
            claimed = plane.claim(name, 1, 600.0)
            if not claimed:
                if plane.status().state == "done":
                    return
                time.sleep(POLL_S)
                continue
            time.sleep(task_s)
            task = claimed[0].task
            update = task.startswith("update")
            plane.complete(name, task, [Arrival(task, tuple(work.readers(task)), update)], [task] if update else [])

    threads = [threading.Thread(target=slot) for _ in range(slots)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return dict(counts)


def measure(tiles: int, processes: int, slots: int, latency_s: float, task_s: float) -> dict[str, float]:
    """One run."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"objects:slow:{latency_s}:{Path(folder).as_uri()}/control"
        plane, total = open_plane(url), Cholesky(tiles).count()
        plane.restore([TaskState("factor 0", 0, 0)], {}, total)
        here = str(Path(__file__).parent)
        command = [sys.executable, "-c", WORKER, here, url, str(tiles), str(slots), str(task_s)]
        workers = [
            subprocess.Popen([*command, f"w{i}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for i in range(processes)
        ]
        for worker in workers:
            worker.stdout.readline()
        began = time.perf_counter()
        counts: Counter[str] = Counter()
        for worker in workers:
            worker.stdin.write("\n")
            worker.stdin.flush()
        for worker in workers:
            counts.update(json.loads(worker.stdout.readline()))
            worker.communicate()
        seconds = time.perf_counter() - began
        plane.delete()
    writes = counts["put"] + counts["put_if_match"]
    reads = counts["get"] + counts["get_with_etag"] + counts["get_if_changed"]
    return {
        "processes": processes,
        "slots": slots,
        "tasks": total,
        "tasks_per_s": total / seconds,
        "writes_per_task": writes / total,
        "reads_per_task": reads / total,
        "lost_per_task": counts["lost races"] / total,
        "kb_per_task": counts["bytes up"] / total / 1000,
        "dollars_per_million": 1e6 * (writes * WRITE + reads * READ) / total,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int, default=12, help="rows of tiles in the matrix (default: 12, 364 tasks)")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4], help="processes that share the plane")
    parser.add_argument("--slots", type=int, nargs="+", default=[1, 4], help="tasks at once in each of them")
    parser.add_argument("--latency", type=float, default=0.03, help="seconds that a request takes (default: 0.03)")
    parser.add_argument("--task", type=float, default=0.5, help="seconds that a task takes (default: 0.5)")
    parser.add_argument("--json", action="store_true", help="one line of JSON for each combination")
    options = parser.parse_args()
    if not options.json:
        print("processes  slots  tasks/s  writes/task  (lost)  reads/task  kB/task  $/million tasks")
    for slots in options.slots:
        for processes in options.processes:
            row = measure(options.tiles, processes, slots, options.latency, options.task)
            if options.json:
                print(json.dumps(row), flush=True)
                continue
            print(
                f"{row['processes']:9} {row['slots']:6} {row['tasks_per_s']:8.1f} {row['writes_per_task']:12.2f} "
                f"{row['lost_per_task']:7.2f} {row['reads_per_task']:11.2f} {row['kb_per_task']:8.1f} "
                f"{row['dollars_per_million']:16.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
