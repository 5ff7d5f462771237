"""How well the state can be told from durations, counts and sizes alone: it should not be.

usage: python check_metadata.py      (needs numpy, scikit-learn and soundfile)
"""

import csv
import re
from pathlib import Path

import numpy as np
import soundfile
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).parent
N_REPEATS, N_FOLDS = 5, 5
CUE = re.compile(r"00:(\d\d):(\S+) --> 00:(\d\d):(\S+)\n<v (\w+)>(.*)")


def metadata(audio: Path, transcript: Path) -> list[float]:
    """Everything countable about one document without listening or reading."""
    cues = [
        (60 * int(m0) + float(s0), 60 * int(m1) + float(s1), speaker, len(text.split()), len(text))
        for m0, s0, m1, s1, speaker, text in CUE.findall(transcript.read_text(encoding="utf-8"))
    ]
    participant = [cue for cue in cues if cue[2] == "Participant"]
    duration_s = soundfile.info(audio).duration
    speech_s = sum(end - start for start, end, *_ in cues)
    participant_s = sum(end - start for start, end, *_ in participant)
    n_words, n_participant_words = sum(c[3] for c in cues), sum(c[3] for c in participant)
    return [
        *(duration_s, speech_s, participant_s, duration_s - speech_s, participant_s / speech_s),
        *(len(cues), n_words, n_participant_words, sum(c[4] for c in participant)),
        *(n_words / speech_s, n_participant_words / participant_s),
        *(audio.stat().st_size, transcript.stat().st_size, audio.stat().st_size / duration_s),
    ]


def main() -> None:
    with open(HERE / "corpus.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    x = np.array([metadata(HERE / r["audio"], HERE / r["transcript"]) for r in rows])
    y, groups = np.array([r["state"] for r in rows]), [r["group"] for r in rows]
    aucs = []  # of each fold: scores of different folds are not on one scale
    for repeat in range(N_REPEATS):
        folds = StratifiedGroupKFold(N_FOLDS, shuffle=True, random_state=repeat)
        for train, test in folds.split(x, y, groups):
            model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
            scores = model.fit(x[train], y[train]).predict_proba(x[test])
            aucs.append(roc_auc_score(y[test], scores, multi_class="ovr"))
    print(f"metadata only: macro AUC {np.mean(aucs):.3f} over {len(aucs)} folds")


if __name__ == "__main__":
    main()
