"""Who speaks: names and roles, what a choice keeps, and what is refused and said."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilbert.pipeline.documents import (
    choose_encoders,
    label_documents,
    load_features,
    summaries_of,
)
from hilbert.pipeline.fit_plan import FitOptions, RunPlace, fit_components, fit_key, plan_fit_of
from hilbert.pipeline.project import read_project
from hilbert.pipeline.run_directory import read_run
from hilbert.pipeline.speaker_rows import overlap_s
from hilbert.pipeline.speakers import SpeakerChoice, SpeakerRoles, choice_from_json
from hilbert.stages.fit.baselines import pool
from hilbert.stages.fit.config import SplitConfig
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.splits import UNGROUPED
from hilbert.store.errors import FitError, ProjectError
from hilbert.store.feature_store import FeatureStore, create_store
from hilbert.store.manifest import Manifest, Row
from hilbert.store.segment_table import speakers_of, to_rows
from hilbert.store.types import EncoderInfo, Segment
from support.project import SENTENCES, Project, run, write_recording, write_transcript

PARTICIPANT = SpeakerChoice(keep=("participant",))
QUICK = ("--folds", "2", "--repeats", "1", "--epochs", "1", "--min-steps", "1",
         "--seeds-averaged", "1", "--workers", "1", "--device", "cpu")  # fmt: skip

Voices = list[tuple[str | None, str | None]]
"""Speaker of an audio segment and of a text segment, None where unknown; "" for no segment."""

DIALOGUE: Voices = [("D", "D"), ("P", "P"), ("D", "D"), ("P", "P"), (None, None)]


def make_store(
    folder: Path, voices: dict[str, Voices], *, overlap_s: float = 0.0, seed: int = 0
) -> FeatureStore:
    """Documents ``d00``, … whose segments are those of `voices`, by default `DIALOGUE`.

    Features of P depend on the document alone; those of others on `seed` too.
    """
    store = create_store(folder / "feats.zarr", precision="fp32")
    encoders = {"a": EncoderInfo("a", "audio", 4, "fa"), "t": EncoderInfo("t", "text", 3, "ft")}
    rows = []
    with (
        store.writer("segments") as s,
        store.writer("features") as a,
        store.writer("features") as t,
    ):
        for i in range(12):
            spoken = voices.get(f"d{i:02d}", DIALOGUE)
            audio = [
                Segment("audio", who, k, k + 1 + overlap_s)
                for k, (who, _) in enumerate(spoken)
                if who != ""
            ]
            text = [Segment("text", who, None, None, "w", 1) for _, who in spoken if who != ""]
            names = speakers_of([*audio, *text])
            about = {"boundaries": "", "texts": "", "n_audio": len(audio), "n_text": len(text),
                     "audio_s": 3.0, "content": f"c{i}", "speakers": list(names),
                     "components": {"options": {}}}  # fmt: skip
            s.add(f"s{i}", to_rows([*audio, *text], names), about)
            a.add(f"a{i}", _features(audio, 4, i, seed))
            t.add(f"t{i}", _features(text, 3, i, seed))
            keys = {"a": f"a{i}"} | ({"t": f"t{i}"} if text else {})
            rows.append(Row(f"d{i:02d}", f"g{i}", {"mood": "xy"[i % 2]}, f"s{i}", keys))
    store.publish(Manifest(0, tuple(rows), encoders))
    return store


def _features(segments: list[Segment], dim: int, i: int, seed: int) -> np.ndarray:
    own, others = np.random.default_rng([i, dim]), np.random.default_rng([i, dim, seed])
    drawn = [(own if s.speaker == "P" else others).normal(size=dim) for s in segments]
    return np.array(drawn).reshape(-1, dim).astype(np.float16)


def documents_of(store: FeatureStore, choice: SpeakerChoice) -> DocumentSet:
    """What a fit of the store would see."""
    options = FitOptions(target="mood", splits=SplitConfig(folds=2), speakers=choice)
    plan = plan_fit_of(store, options, RunPlace(Path("nowhere")))
    return load_features(store, plan.documents, plan.rows, plan.encoders, plan.speakers)


def key_of(store: FeatureStore, choice: SpeakerChoice) -> str:
    rows, encoders = store.manifest().rows, choose_encoders(store.manifest(), ())
    options = FitOptions(speakers=choice)
    return fit_key(fit_components(rows, summaries_of(store, rows), encoders, "mood", options))


class TestNames:
    @pytest.mark.parametrize("name", ["P", "p", "PAR", "Patient", "participant", "  PARTICIPANT "])
    def test_a_role_has_usual_names_and_its_own(self, name: str) -> None:
        assert PARTICIPANT.keeps(name)
        assert SpeakerRoles().role_of(name) == "participant"

    @pytest.mark.parametrize("name", ["D", "Ellie", "INV", "Interviewer", "Paul", "PP", None])
    def test_it_has_no_others(self, name: str | None) -> None:
        assert not PARTICIPANT.keeps(name)

    @pytest.mark.parametrize(
        "name",
        ["Interviewer 1", "Interviewer_2", "interviewer-3", "Interviewer #4", "INV1", "INT (2)",
         "D.", "D. 2", "I1", "Doctor.", "Investigator IN1", "investigator in1", "Investigator INV",
         "INVESTIGATOR IN1", "Interviewer A", "Interviewer_B"],
    )  # fmt: skip
    def test_a_role_covers_numbered_and_coded_names(self, name: str) -> None:
        assert SpeakerRoles().role_of(name) == "interviewer"
        assert not SpeakerChoice(drop=("interviewer",)).keeps(name)
        assert SpeakerChoice(keep=("Interviewer",)).keeps(name)
        assert not PARTICIPANT.keeps(name)

    @pytest.mark.parametrize(
        "name",
        ["Dan", "D-P", "D P", "Ian", "Inter 1", "Interviewers", "Doctor Smith", "Patient Mom",
         "PATIENT MOM", "Patient Advocate", "1", ".", "Interviewer 1 and 2", "PDQ", "D:1"],
    )  # fmt: skip
    def test_it_does_not_cover_others(self, name: str) -> None:
        assert SpeakerRoles().role_of(name) is None
        assert SpeakerChoice(drop=("interviewer", "participant")).keeps(name)

    def test_names_of_the_projects_file_cover_too(self) -> None:
        roles = SpeakerRoles(("Target_Child",), ("SPEAKER_1", "Mother"))
        names = ["Target_Child TC1", "target_child 2", "Mother MOT", "SPEAKER_1", "SPEAKER_1.",
                 "SPEAKER_10", "P1"]  # fmt: skip
        assert [roles.role_of(name) for name in names] == [
            "participant", "participant", "interviewer", "interviewer", "interviewer", None, None,
        ]  # fmt: skip

    @pytest.mark.parametrize("one", ["Speaker 1", "Speaker A"])
    def test_the_longest_name_decides(self, one: str) -> None:
        roles = SpeakerRoles(participant=(one,), interviewer=("Speaker",))
        assert roles.role_of(one) == "participant"
        assert roles.role_of("Speaker 2") == "interviewer"
        assert not SpeakerChoice(drop=("interviewer",), roles=roles).keeps("Speaker 2")
        assert SpeakerChoice(drop=("interviewer",), roles=roles).keeps(one)

    def test_a_name_covers_nothing_but_itself(self) -> None:
        choice = SpeakerChoice(drop=("Investigator",))
        assert not choice.keeps("investigator")
        assert choice.keeps("Investigator IN1")

    def test_a_declared_role_replaces_the_usual_names(self) -> None:
        choice = SpeakerChoice(("participant",), roles=SpeakerRoles(participant=("CHI",)))
        assert choice.keeps("chi")
        assert choice.keeps("Participant")
        assert not choice.keeps("P")

    def test_several_are_kept_and_some_of_them_dropped(self) -> None:
        choice = SpeakerChoice(keep=("participant", "Anna  Maria"), drop=("Client",))
        assert [n for n in ("P", "anna maria", "Client", "D") if choice.keeps(n)] == [
            "P", "anna maria",
        ]  # fmt: skip
        assert str(choice) == "participant and Anna  Maria but Client"

    def test_dropping_some_keeps_the_other_known_speakers(self) -> None:
        choice = SpeakerChoice(drop=("interviewer",))
        assert choice.keeps("Anna")
        assert not choice.keeps("Ellie")
        assert not choice.keeps(None)  # it may be the interviewer

    def test_everyone_is_the_default(self) -> None:
        choice = SpeakerChoice()
        assert choice.is_everyone
        assert choice.keeps(None)
        assert choice.keeps("D")
        assert choice.as_json() is None

    @pytest.mark.parametrize(
        ("keep", "drop", "said"),
        [
            ((" ",), (), "--speakers is blank"),
            ((), ("",), "--drop-speakers is blank"),
            (("A", "everyone"), (), "stands alone"),
            (("A",), ("a",), "'a' is in both"),
        ],
    )
    def test_contradictions_are_refused(
        self, keep: tuple[str, ...], drop: tuple[str, ...], said: str
    ) -> None:
        with pytest.raises(FitError, match=said):
            SpeakerChoice(keep, drop)

    def test_a_name_of_two_roles_is_refused(self) -> None:
        with pytest.raises(ProjectError, match=r"speakers\.participant.*interviewer.*'d'"):
            SpeakerRoles(participant=("P", "D"))

    def test_a_choice_reads_back(self) -> None:
        choice = SpeakerChoice(("A",), ("B",), SpeakerRoles(participant=("X",)))
        assert choice_from_json(json.loads(json.dumps(choice.as_json()))) == choice
        assert choice_from_json(None) == SpeakerChoice()


class TestRows:
    def test_audio_and_text_of_the_role_alone_come_in(self, tmp_path: Path) -> None:
        store = make_store(tmp_path, {})
        everyone, kept = documents_of(store, SpeakerChoice()), documents_of(store, PARTICIPANT)
        for modality in ("audio", "text"):
            for whole, part in zip(everyone.stream(modality), kept.stream(modality), strict=True):
                assert whole is not None
                assert part is not None
                np.testing.assert_array_equal(part.x, whole.x[[1, 3]])
                np.testing.assert_array_equal(part.times, whole.times[[1, 3]])

    def test_nothing_of_another_speaker_comes_in(self, tmp_path: Path) -> None:
        """Two stores that differ in all but P: a fit of P sees the same to the last bit."""
        one = documents_of(make_store(tmp_path / "one", {}, seed=1), PARTICIPANT)
        two = documents_of(make_store(tmp_path / "two", {}, seed=2), PARTICIPANT)
        for modality in ("audio", "text"):
            for a, b in zip(one.stream(modality), two.stream(modality), strict=True):
                assert a is not None
                assert b is not None
                assert a.x.tobytes() == b.x.tobytes()

    def test_the_baselines_pool_kept_rows_alone(self, tmp_path: Path) -> None:
        one = documents_of(make_store(tmp_path / "one", {}, seed=1), PARTICIPANT)
        two = documents_of(make_store(tmp_path / "two", {}, seed=2), PARTICIPANT)
        for modality in ("audio", "text"):
            assert pool(one, modality).tobytes() == pool(two, modality).tobytes()
        everyone = documents_of(make_store(tmp_path / "three", {}, seed=1), SpeakerChoice())
        assert pool(everyone, "audio").tobytes() != pool(one, "audio").tobytes()

    def test_a_modality_of_unknown_speakers_is_missing(self, tmp_path: Path) -> None:
        store = make_store(tmp_path, {"d03": [(None, "P"), (None, "D")]})
        found = documents_of(store, PARTICIPANT)
        assert found.audio[3] is None
        assert found.text[3] is not None
        assert len(found.text[3].x) == 1

    def test_a_document_of_which_nothing_is_kept_is_left_out(self, tmp_path: Path) -> None:
        store = make_store(tmp_path, {"d03": [("D", "D")], "d04": [(None, None)]})
        options = FitOptions(splits=SplitConfig(folds=2), speakers=PARTICIPANT)
        plan = plan_fit_of(store, options, RunPlace(tmp_path / "run"))
        assert dict(plan.left_out) == {
            "d03": "none of its audio or text segments is by participant; they are by: D",
            "d04": "none of its audio or text segments is by participant; they are by: unknown",
        }
        assert len(plan.rows) == 10
        with pytest.raises(FitError, match="2 documents cannot be used"):
            plan_fit_of(store, dataclasses.replace(options, strict=True), RunPlace(tmp_path / "r"))

    def test_a_document_without_the_encoders_modality_is_left_out(self, tmp_path: Path) -> None:
        store = make_store(tmp_path, {"d03": [("D", "P")]})
        options = FitOptions(encoders=("a",), splits=SplitConfig(folds=2), speakers=PARTICIPANT)
        plan = plan_fit_of(store, options, RunPlace(tmp_path / "run"))
        assert dict(plan.left_out) == {
            "d03": "none of its audio segments is by participant; they are by: D"
        }

    def test_predictions_of_a_document_set_without_labels_choose_too(self, tmp_path: Path) -> None:
        store = make_store(tmp_path, {})
        rows, encoders = store.manifest().rows, choose_encoders(store.manifest(), ())
        found = load_features(store, label_documents(rows, None), rows, encoders, PARTICIPANT)
        assert all(features is not None and len(features.x) == 2 for features in found.audio)


class TestKey:
    def test_everyone_leaves_the_key_as_it_was(self, tmp_path: Path) -> None:
        store = make_store(tmp_path, {})
        roles = SpeakerRoles(participant=("X",))
        assert key_of(store, SpeakerChoice()) == key_of(store, SpeakerChoice(roles=roles))
        rows, encoders = store.manifest().rows, choose_encoders(store.manifest(), ())
        components = fit_components(rows, summaries_of(store, rows), encoders, "mood", FitOptions())
        assert list(components) == ["target", "documents", "splits", "train", "version"]

    def test_what_a_choice_stands_for_is_in_it(self, tmp_path: Path) -> None:
        store = make_store(tmp_path, {})
        keys = {
            key_of(store, SpeakerChoice()),
            key_of(store, PARTICIPANT),
            key_of(store, SpeakerChoice(keep=("P",))),
            key_of(store, SpeakerChoice(drop=("interviewer",))),
            key_of(store, dataclasses.replace(PARTICIPANT, roles=SpeakerRoles(("P", "CHI")))),
        }
        assert len(keys) == 5

    def test_a_role_is_more_than_its_names(self, tmp_path: Path) -> None:
        store = make_store(tmp_path, {})
        roles = SpeakerRoles(("P",), ("Q",))
        keys = {
            key_of(store, SpeakerChoice(keep=("participant",), roles=roles)),
            key_of(store, SpeakerChoice(keep=("participant", "P"), roles=roles)),
            key_of(store, SpeakerChoice(("participant",), roles=SpeakerRoles(("p ",), ("R",)))),
        }
        assert len(keys) == 1  # who else has which other name changes nothing
        keys |= {
            key_of(store, SpeakerChoice(keep=("participant", "Q"), roles=roles)),
            key_of(store, SpeakerChoice(("participant",), roles=SpeakerRoles(("P", "Q"), ("R",)))),
            key_of(store, SpeakerChoice(("participant",), roles=SpeakerRoles(("P",), ("P 2",)))),
            key_of(store, SpeakerChoice(keep=("P", "Participant"), roles=SpeakerRoles(("Z",)))),
        }
        assert len(keys) == 5

    def test_spelling_order_and_other_roles_are_not(self, tmp_path: Path) -> None:
        store = make_store(tmp_path, {})
        same = SpeakerChoice(keep=("Anna", "D"), roles=SpeakerRoles(interviewer=("Q",)))
        assert key_of(store, SpeakerChoice(keep=("d", "anna"))) == key_of(store, same)


class TestSaid:
    def notes(self, store: FeatureStore, choice: SpeakerChoice, **more: Any) -> tuple[str, ...]:
        options = FitOptions(splits=SplitConfig(folds=2), speakers=choice, **more)
        warnings = plan_fit_of(store, options, RunPlace(Path("nowhere"))).warnings
        return tuple(warning for warning in warnings if warning != UNGROUPED)

    def test_how_much_is_kept_of_whom(self, tmp_path: Path) -> None:
        assert self.notes(make_store(tmp_path, {}), PARTICIPANT) == (
            "speakers kept: participant (P) 24 audio and 24 text segments, in 12 of 12 documents;"
            " not kept: interviewer (D) 24 audio and 24 text segments, unknown 12 audio and 12"
            " text segments",
        )

    def test_of_one_modality_where_the_encoders_have_one(self, tmp_path: Path) -> None:
        (note,) = self.notes(make_store(tmp_path, {}), PARTICIPANT, encoders=("t",))
        assert note.startswith("speakers kept: participant (P) 24 text segments, in 12 of 12")

    def test_windows_of_untimed_transcripts_are_warned_of(self, tmp_path: Path) -> None:
        untimed: Voices = [(None, "P"), (None, "D")]
        few = self.notes(make_store(tmp_path / "few", {"d03": untimed}), PARTICIPANT)
        assert few[1].startswith(
            "1 document keeps no audio (first: d03): the speakers of its audio"
        )
        everywhere = {f"d{i:02d}": untimed for i in range(12)}
        every = self.notes(make_store(tmp_path / "all", everywhere), PARTICIPANT)
        assert every[1].startswith("12 documents keep no audio (first: d00): the speakers of their")

    def test_voices_that_overlap_are_counted(self, tmp_path: Path) -> None:
        """Of 2 x 1.5 s of P, the half second each at both ends lies in the next one's turn."""
        note = self.notes(make_store(tmp_path, {}, overlap_s=0.5), PARTICIPANT)[1]
        assert note.startswith("24.0 of 36.0 s of the audio kept lie within turns of others")

    def test_nothing_is_said_of_everyone(self, tmp_path: Path) -> None:
        assert self.notes(make_store(tmp_path, {}), SpeakerChoice()) == ()

    @pytest.mark.parametrize(
        ("choice", "said"),
        [
            (SpeakerChoice(keep=("Anna",)), "no document has the speaker 'Anna'; the speakers are:"
             " interviewer (D) in 12 documents, participant (P) in 12 documents."),
            (SpeakerChoice(keep=("P",), drop=("Elie",)), "no document has the speaker 'Elie'"),
            (SpeakerChoice(("participant",), roles=SpeakerRoles(participant=("CHI",))),
             "Say in hilbert.toml who it is: [speakers] participant = [NAME, ...]"),
            (SpeakerChoice(keep=("P",), drop=("participant",)), "nothing is kept of any of the 12"),
        ],
    )  # fmt: skip
    def test_a_choice_of_nobody_is_refused(
        self, tmp_path: Path, choice: SpeakerChoice, said: str
    ) -> None:
        with pytest.raises(FitError) as caught:
            self.notes(make_store(tmp_path, {}), choice)
        assert said in str(caught.value)

    def test_a_store_that_knows_no_speakers(self, tmp_path: Path) -> None:
        store = make_store(tmp_path, {f"d{i:02d}": [(None, None)] for i in range(12)})
        with pytest.raises(FitError, match="all speakers are unknown"):
            self.notes(store, PARTICIPANT)


@pytest.mark.parametrize(
    ("spans", "others", "expected"),
    [
        ([(0, 10)], [], 0),
        ([], [(0, 10)], 0),
        ([(0, 10)], [(2, 3), (2.5, 4), (9, 20)], 3),
        ([(2, 3), (5, 6)], [(0, 10), (1, 2)], 2),
        ([(0, 1), (2, 3)], [(1, 2)], 0),
        ([(0, 4)], [(3, 5), (1, 2), (1, 1.5)], 2),
    ],
)
def test_overlap(spans: list[Any], others: list[Any], expected: float) -> None:
    arrays = [np.array(part, dtype=np.float64).reshape(-1, 2) for part in (spans, others)]
    assert overlap_s(*arrays) == pytest.approx(expected)


class TestCommand:
    def fit(self, store: FeatureStore, run_dir: Path, *more: str) -> dict[str, Any]:
        done = run("fit", "--store", str(store.files.root), "--run-dir", str(run_dir), "--json",
                   *QUICK, *more)  # fmt: skip
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return found

    def test_the_run_states_its_speakers(self, tmp_path: Path) -> None:
        store = make_store(tmp_path, {"d03": [("D", "D")]})
        found = self.fit(store, tmp_path / "run", "--speakers", "participant")
        assert found["speakers"]["keep"] == ["participant"]
        assert [left["id"] for left in found["left_out"]] == ["d03"]
        assert choice_from_json(read_run(tmp_path / "run")["speakers"]) == PARTICIPANT
        config = json.loads((tmp_path / "run/config.json").read_text())
        assert config["speakers"]["keep"] == ["participant"]
        inputs = json.loads((tmp_path / "run/inputs.json").read_text())
        assert "p" in inputs["speakers"]["keep"]
        assert "<td>participant</td>" in (tmp_path / "run/report.html").read_text()
        said = run("fit", "--store", str(store.files.root), "--run-dir", str(tmp_path / "run"),
                   *QUICK, "--speakers", "PARTICIPANT").stdout  # fmt: skip
        assert "2 folds; speakers: participant" in said
        assert "Note: speakers kept: participant (P) 22 audio" in said

    def test_the_file_declares_and_flags_replace(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_store(tmp_path, {"d03": [("Anna", "Anna")]})
        monkeypatch.chdir(tmp_path)
        (tmp_path / "hilbert.toml").write_text(
            '[fit]\nspeakers = ["participant"]\n[speakers]\nparticipant = ["P", "Anna"]\n'
        )
        planned = {
            flags: run("fit", "--dry-run", *QUICK, *flags).stdout
            for flags in ((), ("--speakers", "everyone"), ("--drop-speakers", "Anna"))
        }
        assert "participant (P) 22 audio" in planned[()]
        assert "participant (Anna) 1 audio" in planned[()]
        assert "speakers kept" not in planned["--speakers", "everyone"]
        kept = planned["--drop-speakers", "Anna"].split("not kept")[0]
        assert "participant (P) 22" in kept
        assert "interviewer (D) 22" in kept

    def test_errors_of_the_file_name_its_keys(self, tmp_path: Path) -> None:
        (tmp_path / "hilbert.toml").write_text('fit = {speakers = ["A"], drop_speakers = ["a"]}')
        with pytest.raises(ProjectError, match=r"both fit\.speakers and fit\.drop_speakers"):
            read_project(tmp_path / "hilbert.toml")


class TestPredict:
    def test_the_runs_speakers_are_scored_and_no_others(self, project: Project) -> None:
        """Words of B, whom the run does not know, move no score; a document without A has none."""
        rows = []
        for i in range(8):
            name = f"d{i}"
            write_recording(project.folder / f"{name}.wav", 12.0, seed=i)
            write_transcript(project.folder / f"{name}.vtt", SENTENCES[i % 4 :] + SENTENCES[:1])
            rows.append({"id": name, "audio": f"{name}.wav", "transcript": f"{name}.vtt",
                         "mood": ("low", "high")[i // 2 % 2]})  # fmt: skip
        project.write_table(rows)
        project.extract()
        run_dir = project.folder / "run"
        done = run("fit", "--store", str(project.store), "--run-dir", str(run_dir), *QUICK,
                   "--speakers", "a")  # fmt: skip
        assert done.exit_code == 0, done.output
        write_transcript(project.folder / "other.vtt", [SENTENCES[0], "Quite other words."])
        write_transcript(project.folder / "same.vtt", [SENTENCES[0], "And these are others."])
        project.write_table(
            [
                {"id": "one", "audio": "d0.wav", "transcript": "other.vtt"},
                {"id": "two", "audio": "d0.wav", "transcript": "same.vtt"},
                {"id": "nobody", "text": "Who says this is unknown."},
            ]
        )
        out = project.folder / "p.csv"
        done = run("predict", str(run_dir), str(project.folder / "corpus.jsonl"), "--out", str(out),
                   "--encoder", str(project.whisper), "--encoder", str(project.bert))  # fmt: skip
        assert done.exit_code == 3, done.output
        assert "Speakers scored, as in the run: a." in done.stdout
        assert "not scored: nobody: none of its text segments is by a; they are by: unknown" in (
            done.stdout
        )
        lines = [line.split(",", 1) for line in out.read_text().splitlines()[1:]]
        assert [name for name, _ in lines] == ["one", "two"]
        scores = [[float(p) for p in values.split(",")] for _, values in lines]
        np.testing.assert_allclose(scores[0], scores[1], atol=1e-3)
