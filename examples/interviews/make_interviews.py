"""Voice the interviews and write audio/, transcripts/ and corpus.csv beside this script.

usage: python make_interviews.py --model kokoro.onnx --voices VOICES_DIR --cache CACHE_DIR
"""

import argparse
import csv
from pathlib import Path

import av
import numpy as np
from dialogues import Interview, read_interviews
from speech import RATE, Audio, Synthesiser, deliver, draw_delivery, set_level

HERE = Path(__file__).parent
SOUND_SEED = 1
LEVEL_DB = -26.0  # root mean square below full scale, of every utterance
LEVEL_SPREAD_DB = 2.0  # each participant's microphone is louder or softer by up to this
PAUSE_S = (0.3, 0.7)  # between turns, whoever speaks
BIT_RATE = 16_000  # bit/s, constant, so that a file's size tells its duration and no more

Cue = tuple[float, float, str, str]  # start and end in seconds, speaker, text


def voice_interview(
    interview: Interview, synthesiser: Synthesiser, rng: np.random.Generator
) -> tuple[Audio, list[Cue]]:
    """Speech of all turns with pauses between them, and when each is spoken."""
    delivery = draw_delivery(interview.delivery, rng)
    participant_db = LEVEL_DB + rng.uniform(-LEVEL_SPREAD_DB, LEVEL_SPREAD_DB)
    parts, cues, n_samples = [], [], 0
    for turn in interview.turns:
        if turn.speaker == "Participant":
            speech = deliver(synthesiser.say(turn.text, interview.voice), delivery)
            speech = set_level(speech, participant_db)
        else:
            speech = synthesiser.say(turn.text, interview.interviewer_voice)
            speech = set_level(speech, LEVEL_DB)
        pause = np.zeros(int(rng.uniform(*PAUSE_S) * RATE), np.float32)
        start = n_samples + len(pause)
        n_samples = start + len(speech)
        cues.append((start / RATE, n_samples / RATE, turn.speaker, turn.text))
        parts += [pause, speech]
    return np.concatenate([*parts, np.zeros(RATE // 4, np.float32)]), cues


def write_opus(path: Path, audio: Audio) -> None:
    """Write Ogg Opus; the same samples give the same bytes."""
    with av.open(path, "w", format="ogg", options={"fflags": "+bitexact"}) as file:
        coder = {"vbr": "off", "application": "voip"}
        stream = file.add_stream("libopus", RATE, options=coder, layout="mono")
        stream.bit_rate = BIT_RATE
        frame = av.AudioFrame.from_ndarray(audio[None], format="flt", layout="mono")
        frame.sample_rate = RATE
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def webvtt(cues: list[Cue]) -> str:
    blocks = [
        f"{clock(start)} --> {clock(end)}\n<v {speaker}>{text}"
        for start, end, speaker, text in cues
    ]
    return "\n\n".join(["WEBVTT", *blocks]) + "\n"


def clock(seconds: float) -> str:
    minutes, ms = divmod(round(1000 * seconds), 60_000)
    return f"00:{minutes:02d}:{ms // 1000:02d}.{ms % 1000:03d}"


def write_interview(interview: Interview, audio: Audio, cues: list[Cue], out: Path) -> list[str]:
    """Write both files; return the interview's row of the corpus table."""
    audio_path, transcript_path = f"audio/{interview.id}.opus", f"transcripts/{interview.id}.vtt"
    write_opus(out / audio_path, audio)
    (out / transcript_path).write_text(webvtt(cues), encoding="utf-8")
    return [interview.id, audio_path, transcript_path, interview.group, interview.state]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="Kokoro-82M as ONNX")
    parser.add_argument("--voices", type=Path, required=True, help="folder of Kokoro's *.bin")
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps utterances")
    parser.add_argument("--out", type=Path, default=HERE, help="default: this folder")
    parser.add_argument("--limit", type=int, help="only the first so many interviews")
    options = parser.parse_args()
    for folder in ("audio", "transcripts"):
        (options.out / folder).mkdir(parents=True, exist_ok=True)
    synthesiser = Synthesiser(options.model, options.voices, options.cache)
    rows = []
    for i, interview in enumerate(read_interviews(HERE / "dialogues.txt")[: options.limit]):
        rng = np.random.default_rng([SOUND_SEED, i])
        audio, cues = voice_interview(interview, synthesiser, rng)
        rows.append(write_interview(interview, audio, cues, options.out))
        print(f"{interview.id}: {len(audio) / RATE:.1f} s", flush=True)
    with open(options.out / "corpus.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "audio", "transcript", "group", "state"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
