"""Trials in a study: each claimed once, none lost, whoever runs them and however often they are broken off."""

import multiprocessing
import threading
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import Trial, TrialState

from genbench.errors import ConfigError, RunError
from genbench.observing import Observer
from genbench.sweeping import studies, workers
from genbench.sweeping.space import draw, grid
from genbench.sweeping.specification import SweepSpec
from genbench.sweeping.studies import WORKER, SweepStudy, Worker
from genbench.sweeping.workers import take

ME = Worker("me")


def made(trials: int, **changes: Any) -> SweepSpec:
    space = {"train.width": {"low": 1, "high": 1000}, "train.learning_rate": {"low": 1e-5, "high": 1.0, "log": True}}
    sampler = {"name": "random"}
    values = {"name": "s", "family": "ddpm", "objectives": ["accuracy"], "space": space, "sampler": sampler}
    return SweepSpec.model_validate({**values, "trials": trials, **changes})


def grid_of(points: int) -> SweepSpec:
    return made(points, sampler={"name": "grid"}, space={"train.width": {"low": 1, "high": points}})


@pytest.fixture(params=["sqlite:///{}/o.db", "journal:{}/o.log"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.param).format(tmp_path)


def finish(study: SweepStudy, trial: Trial) -> None:
    with study.writing():
        chosen = draw(trial, study.spec)
    study.finish(trial, [float(chosen["train.width"])], {})


def run_all(spec: SweepSpec, url: str, worker: str) -> None:
    study = SweepStudy(spec, url, spec.name)
    take(study, Worker(worker), lambda trial: finish(study, trial))


def test_several_processes_do_every_point_of_a_grid_once(url: str) -> None:
    spec = grid_of(24)
    study = SweepStudy(spec, url, spec.name)
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=run_all, args=(spec, url, str(k))) for k in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert [trial.params["train.width"] for trial in study.trials] == list(range(1, 25))
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE}


def test_no_more_trials_than_asked_for_even_when_all_ask_at_once(url: str) -> None:
    spec = made(5)
    claimed: list[int] = []
    barrier = threading.Barrier(8)

    def worker(number: int) -> None:
        study = SweepStudy(spec, url, spec.name)
        barrier.wait()
        while (trial := study.claim(Worker(str(number)))) is not None:
            claimed.append(trial.number)

    SweepStudy(spec, url, spec.name)
    threads = [threading.Thread(target=worker, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == [0, 1, 2, 3, 4]


def test_a_trial_given_back_keeps_its_number_and_its_choices(url: str) -> None:
    spec = made(3)
    study = SweepStudy(spec, url, spec.name)
    trial = study.claim(ME)
    assert trial is not None
    chosen = draw(trial, spec)
    study.give_back(trial)
    again = SweepStudy(spec, url, spec.name).claim(Worker("other"))
    assert again is not None
    assert again.number == trial.number
    assert draw(again, spec) == chosen


def test_going_on_proposes_what_would_have_been_proposed_without_the_break(tmp_path: Path) -> None:
    for sampler in ("random", "tpe"):
        spec = made(14, sampler={"name": sampler, "startup_trials": 4})
        through = SweepStudy(spec, f"sqlite:///{tmp_path}/{sampler}-one.db", "s")
        take(through, ME, lambda trial, study=through: finish(study, trial))
        url = f"sqlite:///{tmp_path}/{sampler}-two.db"
        first = SweepStudy(spec.model_copy(update={"trials": 6}), url, "s")
        take(first, ME, lambda trial, study=first: finish(study, trial))
        second = SweepStudy(spec, url, "s")
        take(second, ME, lambda trial, study=second: finish(study, trial))
        assert [trial.params for trial in second.trials] == [trial.params for trial in through.trials]
        assert len({str(trial.params) for trial in through.trials}) == 14


def test_the_trial_of_a_dead_process_goes_back_and_that_of_a_living_one_does_not(url: str) -> None:
    spec = made(4)
    study = SweepStudy(spec, url, spec.name)
    lost, kept, far = study.claim(ME), study.claim(Worker("alive")), study.claim(Worker("far", host="elsewhere"))
    assert lost is not None
    assert kept is not None
    assert far is not None
    lost.set_user_attr(WORKER, {"id": "dead", "host": ME.host, "pid": ME.pid, "started": ME.started - 99})
    assert study.recover() == [lost.number]
    states = [trial.state for trial in study.trials]
    assert states == [TrialState.WAITING, TrialState.RUNNING, TrialState.RUNNING]


def test_a_silent_worker_elsewhere_is_given_up_after_the_grace_period(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = made(2)
    study = SweepStudy(spec, url, spec.name)
    silent, beating = study.claim(Worker("a", host="elsewhere")), study.claim(Worker("b", host="elsewhere"))
    assert silent is not None
    assert beating is not None
    now = 1000.0
    monkeypatch.setattr(studies.time, "monotonic", lambda: now)
    assert study.recover() == []
    now += studies.GRACE_SECONDS + 1
    study.beat(beating, 1)
    assert study.recover() == [silent.number]


def test_a_trial_that_kills_its_workers_fails_in_the_end(url: str) -> None:
    spec = made(1)
    study = SweepStudy(spec, url, spec.name)
    for attempt in range(studies.MOST_DEATHS):
        assert study.claim(Worker(f"w{attempt}")) is not None
        study.recover(ended=[f"w{attempt}"])
    assert [trial.state for trial in study.trials] == [TrialState.FAIL]
    assert "workers died" in study.trials[0].user_attrs["genbench.reason"]
    assert not study.has_more()


def test_an_interruption_does_not_count_as_a_death(url: str) -> None:
    spec = made(1)
    study = SweepStudy(spec, url, spec.name)
    for attempt in range(studies.MOST_DEATHS + 1):
        assert study.claim(Worker(f"w{attempt}")) is not None
        assert study.recover(interrupted=[f"w{attempt}"]) == [0]
    assert study.has_more()


def test_a_trial_told_twice_keeps_the_first_value(url: str) -> None:
    spec = grid_of(2)
    study = SweepStudy(spec, url, spec.name)
    trial = study.claim(ME)
    assert trial is not None
    study.finish(trial, [0.5], {})
    study.finish(trial, [0.9], {})
    assert study.trials[0].values == [0.5]


def test_a_study_of_the_same_name_about_something_else_is_refused(url: str) -> None:
    SweepStudy(made(3), url, "s")
    SweepStudy(made(9), url, "s")
    with pytest.raises(ConfigError, match="about something else"):
        SweepStudy(made(3, seeds=2), url, "s")


def test_a_study_that_goes_the_other_way_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/o.db"
    optuna.create_study(study_name="s", storage=url, direction="minimize")
    with pytest.raises(ConfigError, match="is to minimize, but the sweep is to maximize"):
        SweepStudy(made(1), url, "s")


def test_one_of_many_that_open_a_study_has_made_it(url: str) -> None:
    assert [SweepStudy(made(1), url, "s").created for _ in range(3)] == [True, False, False]


def test_trials_elsewhere_are_waited_for_and_taken_over(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studies, "GRACE_SECONDS", 0.5)
    monkeypatch.setattr(workers, "IDLE_SECONDS", 0.2)
    study = SweepStudy(made(2), url, "s")
    assert study.claim(Worker("gone", host="elsewhere")) is not None
    assert take(study, ME, lambda trial: finish(study, trial)) == 1
    assert not study.has_more()
    assert workers.wait_for_others(study, Observer(), lambda: None)
    assert take(study, ME, lambda trial: finish(study, trial)) == 1
    assert not workers.wait_for_others(study, Observer(), lambda: None)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 2


class Fleeting:
    """A worker that ends at once and has done nothing."""

    def __init__(self, worker: str) -> None:
        self.worker = worker

    def poll(self) -> str:
        return "exit code 1"

    def interrupt(self) -> None: ...

    def wait(self, seconds: float) -> None: ...


def test_workers_that_do_nothing_are_not_started_for_ever(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "IDLE_SECONDS", 0.01)
    study = SweepStudy(made(2), url, "s")
    with pytest.raises(RunError, match="without taking a trial; the last with exit code 1"):
        workers.run_workers(study, 2, lambda slot, worker: Fleeting(worker), Observer(), lambda: None)


@pytest.mark.parametrize(
    "address", ["nonsense", "postgresql://user:secret@127.0.0.1:1/x", "sqlite:////proc/none/o.db", "oracle://x/y"]
)
def test_a_storage_that_cannot_be_opened_is_one_line_without_the_password(address: str) -> None:
    with pytest.raises(Exception, match=r"storage|cannot") as caught:
        SweepStudy(made(1), address, "s")
    assert caught.type.__module__ == "genbench.errors"
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sampler", ["tpe", "gp", "nsga2", "cmaes"])
def test_every_sampler_proposes_distinct_configurations_in_range(tmp_path: Path, sampler: str) -> None:
    if sampler == "cmaes":
        pytest.importorskip("cmaes")
    spec = made(6, sampler={"name": sampler, "startup_trials": 3, "population": 4})
    study = SweepStudy(spec, f"sqlite:///{tmp_path}/o.db", "s")
    assert take(study, ME, lambda trial: finish(study, trial)) == 6
    chosen = [trial.params for trial in study.trials]
    assert len(set(map(str, chosen))) >= (4 if sampler == "nsga2" else 6)  # a child may be like its parent
    assert all(1 <= c["train.width"] <= 1000 and 1e-5 <= c["train.learning_rate"] <= 1 for c in chosen)


def test_the_grid_sampler_covers_conditional_spaces() -> None:
    space = {
        "sample.sampler": ["ddim", "ddpm"],
        "sample.eta": {"values": [0.0, 1.0], "when": {"sample.sampler": "ddim"}},
    }
    spec = made(9, sampler={"name": "grid"}, space=space)
    assert len(grid(spec)) == 3
    assert studies.limit_of(spec) == 3
