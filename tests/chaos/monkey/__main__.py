"""`python -m tests.chaos.monkey`, which `make chaos` calls."""

from __future__ import annotations

import argparse
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.monkey.run import Wanted, run
from tests.chaos.monkey.world import LARGE


def main() -> int:
    """Run once; exit code 1: something was lost."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", default="random")
    parser.add_argument("--report", type=Path)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is stopped in any case
    seed = secrets.token_hex(4) if given.seed == "random" else given.seed
    say(f"seed {seed}: `make chaos MINUTES={given.minutes:g} SEED={seed}` does the same again")
    folder = Path(tempfile.mkdtemp(prefix="vrelocate-chaos-"))
    wanted = Wanted(seed, given.minutes * 60, LARGE, clients=8, pause_seconds=3)
    outcome = run(wanted, folder, say)
    say(str(outcome.client_counts))
    say(str(outcome.done.counts))
    say(str(outcome.oddities))
    for violation in outcome.violations:
        say(f"VIOLATION: {violation}")
    if outcome.violations:
        say(f"seed {seed}; the logs are in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def say(line: str) -> None:
    """Say it to whoever started it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
