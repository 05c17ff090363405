"""`python -m tests.chaos.monkey`, which `make chaos` calls."""

from __future__ import annotations

import argparse
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.monkey.deeds import Wanted
from tests.chaos.monkey.report import put_into, say, written
from tests.chaos.monkey.run import run
from tests.chaos.monkey.world import LARGE

CLIENTS = 12
PAUSE_SECONDS = 4


def main() -> int:
    """Run once; exit code 1: something was lost."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", default="random")
    parser.add_argument("--report", type=Path)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is stopped in any case
    seed = secrets.token_hex(4) if given.seed == "random" else given.seed
    again = f"`make chaos MINUTES={given.minutes:g} SEED={seed}` does the same again"
    say(f"seed {seed}: {again}")
    folder = Path(tempfile.mkdtemp(prefix="vrelocate-chaos-"))
    wanted = Wanted(seed, given.minutes * 60, LARGE, CLIENTS, PAUSE_SECONDS)
    try:
        outcome = run(wanted, folder, say)
    except BaseException:
        say(f"broken off: logs and data are in {folder}; {again}")
        raise
    if given.report and not outcome.violations:
        put_into(given.report, outcome)
    say(written(outcome))
    if not outcome.violations:
        shutil.rmtree(folder)
        return 0
    for line in outcome.histories:
        say(line)
    say(f"VIOLATED, {len(outcome.violations)} times; logs and data are in {folder}")
    say(again)
    return 1


if __name__ == "__main__":
    sys.exit(main())
