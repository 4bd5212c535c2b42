"""How fast the generator is and how much memory it takes: ``python -m tests.bench.bench_simulate``.

By default a company of 1,000,000 users is written in parts to a temporary folder (about 460 MB);
``--users 20000`` is a quick look. Prints events a second, peak memory and total time.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from userops.simulate import sample_dataset, simulate


def peak_mb() -> float:
    """Return the largest process's peak resident memory in MB (Linux counts kilobytes, macOS bytes)."""
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    sample_dataset(400, 1)  # imports and first calls do not count
    start = time.perf_counter()
    sample_dataset(400, 2)
    sample = time.perf_counter() - start

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "company"
        start = time.perf_counter()
        events = simulate(out, args.users, args.seed, workers=args.workers)
        seconds = time.perf_counter() - start
        size = sum(path.stat().st_size for path in out.rglob("*.parquet")) / 1e6
    found = {
        "users": args.users,
        "events": events,
        "workers": args.workers,
        "seconds": round(seconds, 1),
        "events_per_second": round(events / seconds),
        "peak_memory_mb_a_process": round(peak_mb()),
        "parquet_mb": round(size, 1),
        "sample_of_400_users_seconds": round(sample, 3),
    }
    if args.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{name:28} {value:>14,}" for name, value in found.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
