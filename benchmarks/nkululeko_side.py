"""What `benchmarks/peer.py` runs with nkululeko's own Python: its Whisper features.

The working directory holds the model under the hub's name, in openai/. Prints one JSON object.

usage: python nkululeko_side.py SENTENCES MODEL WARM

SENTENCES is a table of file, start and end in seconds; MODEL is such as whisper-tiny.en. WARM is 1
if the model is to be loaded, and one sentence done, before what is timed.
"""

import configparser
import json
import sys
import time

import numpy as np
import pandas as pd
import torch
from nkululeko import __version__, glob_conf
from nkululeko.feat_extract.feats_whisper import Whisper


def main(sentences: str, model: str, warm: bool) -> None:
    config = configparser.ConfigParser()
    config.read_dict(
        {"EXP": {"root": ".", "name": "peer"}, "MODEL": {"device": "cpu"}, "FEATS": {}, "DATA": {}}
    )
    glob_conf.init_config(config)
    index = pd.read_csv(sentences)
    index["start"] = pd.to_timedelta(index["start"], unit="s")
    index["end"] = pd.to_timedelta(index["end"], unit="s")
    asked = pd.DataFrame({"label": "none"}, index=pd.MultiIndex.from_frame(index))
    whisper = Whisper(f"warm{time.time_ns()}", asked[:1], model)
    if warm:
        whisper.extract()
    whisper.name, whisper.data_df = f"all{time.time_ns()}", asked  # it would read a file it knows
    wall, cpu = time.monotonic(), time.process_time()
    whisper.extract()
    took = time.monotonic() - wall, time.process_time() - cpu
    x = whisper.df.to_numpy(np.float64)  # (n_sentences, width)
    found = {
        "version": __version__,
        "threads": torch.get_num_threads(),
        "precision": str(whisper.model.dtype),
        "took": took,
        "shape": x.shape,
        "finite": bool(np.isfinite(x).all()),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3] == "1")
