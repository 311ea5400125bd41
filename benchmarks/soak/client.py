"""A client of its own process, to be killed: starts a run, prints its URL, and waits for it."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpywren as nw
from soak.world import begin


def main() -> None:
    settings, algorithm, url = sys.argv[1:]
    with nw.config.set(json.loads(settings)):
        run = begin(algorithm, nw.open(url))
        print(run.url, flush=True)
        run.wait(progress=False)


if __name__ == "__main__":
    main()
