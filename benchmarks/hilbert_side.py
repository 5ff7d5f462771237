"""What `benchmarks/peer.py` times of `hilbert extract` with the model loaded.

The whole command runs in this process, once for one document and once for all of them into another
store; the first loads libraries and the model, which the second goes on with. Prints one JSON
object.

usage: python hilbert_side.py ONE TABLE STORE [FLAG ...]
"""

import json
import sys
import time
from typing import Any

import torch

from hilbert.pipeline import encode
from hilbert.pipeline.cli import main as hilbert


def main(one: str, table: str, store: str, *flags: str) -> None:
    keep_model()
    hilbert(["extract", one, "--store", f"{store}-one", *flags], standalone_mode=False)
    wall, cpu = time.monotonic(), time.process_time()
    hilbert(["extract", table, "--store", store, *flags], standalone_mode=False)
    took = time.monotonic() - wall, time.process_time() - cpu
    print(json.dumps({"took": took, "threads": torch.get_num_threads()}))


def keep_model() -> None:
    """Have the model that was loaded first used from then on."""
    load, loaded = encode.load_encoder, []

    def load_once(resolved: Any, **options: Any) -> Any:
        if not loaded:
            loaded.append(load(resolved, **options))
        return loaded[0]

    encode.load_encoder = load_once


if __name__ == "__main__":
    main(*sys.argv[1:])
