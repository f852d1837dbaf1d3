"""`neurocards scaling plan`: a table, JSON by contract, a picture; a mistake is a sentence."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from neurocards.cli import main

POLICY = """
apiVersion: neurocards.io/v1alpha1
kind: NeurocardsScaling
metadata: {name: workers}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: neurocards-worker}
  replicas: {min: 0, base: 0, max: 20}
  jobsPerReplica: 1
  slo: {percentile: 95, wait: 30s}
"""
FIGURES = {
    "policy": str,
    "jobs": int,
    "wait_s": dict,
    "turnaround_s": dict,
    "over_slo": int,
    "worker_hours": float,
    "replica_hours": float,
    "interrupted": int,
    "wasted_render_s": float,
    "handed_over": int,
    "scale_writes": int,
    "peak_replicas": int,
    "unfinished": int,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    rows = "".join(f"{20 * number},{100 if number % 2 else 1500}\n" for number in range(60))
    (tmp_path / "trace.csv").write_text("arrival_s,service_s\n" + rows, encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Runner:
    return Runner(monkeypatch, capsys)


class Runner:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Give the exit code and both outputs."""
        self._monkeypatch.setattr("sys.argv", ["neurocards", "scaling", *words])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = self._capsys.readouterr()
        code = left.value.code
        return (code if isinstance(code, int) else 0), out, err

    def plan(self, *words: str) -> tuple[int, str, str]:
        return self("plan", "-f", "policy.yaml", "--trace", "trace.csv", *words)


def test_the_json_has_every_figure_of_every_policy(run: Runner):
    code, out, _ = run.plan("--against", "keda", "--against", "static:5", "--json")
    document = json.loads(out)
    assert code == 0
    assert [one["policy"] for one in document["policies"]] == ["ours", "keda", "static:5"]
    for one in document["policies"]:
        assert {name: type(value) for name, value in one.items()} == FIGURES
        assert list(one["wait_s"]) == ["p50", "p95", "p99", "max"]
        assert one["jobs"] == 60
    assert document["slo_s"] == 30
    assert (document["pod_start_s"], document["kill_grace_s"], document["seed"]) == (15, 30, 1)


@pytest.mark.parametrize(
    "words",
    [
        ("--against", "rules", "--against", "clairvoyant"),
        ("--against", "rules", "clairvoyant"),
        ("--against", "rules,clairvoyant"),
    ],
)
def test_rivals_may_be_named_one_by_one_or_in_a_row(run: Runner, words: tuple[str, ...]):
    _, out, _ = run.plan(*words, "--json")
    assert [one["policy"] for one in json.loads(out)["policies"]] == [
        *("ours", "rules", "clairvoyant"),
    ]


def test_without_rivals_it_is_keda_and_the_best_that_there_can_be(run: Runner):
    _, out, _ = run.plan("--json")
    policies = [one["policy"] for one in json.loads(out)["policies"]]
    assert policies == ["ours", "keda", "clairvoyant"]


def test_the_table_is_plain_text(run: Runner):
    code, out, _ = run.plan()
    assert code == 0
    assert out.splitlines()[0].startswith("policy")
    assert "ours against keda: p95 wait" in out
    assert out.isascii()


def test_conditions_change_the_outcome(run: Runner):
    def keda(*words: str) -> dict[str, float]:
        found: dict[str, float] = json.loads(run.plan("--json", "--against", "keda", *words)[1])[
            "policies"
        ][1]
        return found

    usual = keda()
    assert usual["interrupted"] > 0
    assert keda("--kill-grace-s", "2000")["interrupted"] == 0
    assert keda("--service-s", "10")["worker_hours"] < usual["worker_hours"]
    assert keda("--seed", "2") != usual
    assert keda("--pod-start-s", "60")["turnaround_s"] != usual["turnaround_s"]


def test_the_same_words_give_the_same_answer(run: Runner):
    assert run.plan("--json", "--seed", "7") == run.plan("--json", "--seed", "7")


def test_a_picture_is_written_where_it_is_wanted(run: Runner, folder: Path):
    code, _, _ = run.plan("--svg", "out.svg")
    root = ET.fromstring((folder / "out.svg").read_text(encoding="utf-8"))  # noqa: S314 - our own
    assert code == 0
    assert root.tag.endswith("svg")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("plan", "-f", "none.yaml", "--trace", "trace.csv"), "none.yaml cannot be read"),
        (("plan", "-f", "policy.yaml", "--trace", "none.csv"), "none.csv cannot be read"),
        (("plan", "-f", "trace.csv", "--trace", "trace.csv"), "trace.csv is no policy"),
        (
            ("plan", "-f", "policy.yaml", "--trace", "trace.csv", "--against", "kedda"),
            "there is no rival 'kedda'; there are keda, keda-tuned",
        ),
        (
            ("plan", "-f", "policy.yaml", "--trace", "trace.csv", "--begins", "soon"),
            "'soon' is no time",
        ),
        (
            ("plan", "-f", "policy.yaml", "--trace", "trace.csv", "--svg", "no/such/folder.svg"),
            "folder.svg cannot be written",
        ),
        (("invent", "no/such/trace.csv"), "trace.csv cannot be written"),
        (("invent", "out.csv", "--like", "trace.csv"), "no series of counts"),
        (("plan",), "Missing option"),
    ],
)
def test_a_mistake_is_a_sentence_and_the_exit_code_is_2(
    run: Runner, words: tuple[str, ...], sentence: str
):
    code, _, err = run(*words)
    assert code == 2
    assert sentence in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err


def test_a_faulty_policy_is_refused_with_the_field(run: Runner, folder: Path):
    (folder / "policy.yaml").write_text(POLICY.replace("max: 20", "max: many"), encoding="utf-8")
    code, _, err = run.plan()
    assert code == 2
    assert "replicas.max" in err


def test_invented_traffic_can_be_replayed(run: Runner, folder: Path):
    code, out, _ = run("invent", "week.csv", "--days", "0.1", "--seed", "3", "--crowd-at-h", "1")
    assert code == 0
    assert out.startswith("wrote ")
    assert run("plan", "-f", "policy.yaml", "--trace", "week.csv", "--against", "static:3")[0] == 0


def test_the_shape_of_a_series_of_counts_can_be_taken(run: Runner, folder: Path):
    (folder / "counts.csv").write_text("timestamp,value\n1,5\n2,50\n", encoding="utf-8")
    words = ("--like", "counts.csv", "--period-s", "3600", "--jobs-per-hour", "60")
    code, _, _ = run("invent", "like.csv", *words)
    assert code == 0
    assert run("plan", "-f", "policy.yaml", "--trace", "like.csv", "--against", "static:3")[0] == 0
