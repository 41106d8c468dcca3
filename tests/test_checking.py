"""The contract tests: honest families pass, and for every check there is a family that fails it and no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from genbench.checking import CHECKS, Finding, Subject, checks_for, examine
from genbench.checking.subject import CutShort
from genbench.checking.toys import OBJECTS, ToyGuide, ToySet
from genbench.commands.check import check_family
from genbench.errors import ConfigError, PluginError, RunError

BROKEN = {
    "description": (
        ("NoStandard", "presets are missing: standard"),
        ("Misnamed", "registered as 'toy', but its name is 'tog'"),
        ("UnknownKey", "unknown key 'learning_rat': did you mean 'learning_rate'"),
        ("UnknownKeyAt", "at[32] has the unknown key 'trian': did you mean 'train'"),
        ("MalformedAt", "preset quick at resolution 32: budget '20 moons'"),
        ("Lenient", "not immutable and strict"),
        ("Mutable", "not immutable and strict"),
        ("Forgetful", "TrainConfig.shift (preset smoke) does not survive JSON"),
    ),
    "state": (
        ("ForeignParameter", "optimizer 'adam' has 1 parameters that are in no network"),
        ("IdleParameter", "no optimizer has critic.weight, critic.bias"),
        ("UnknownAverage", "averaging names network, but networks are net"),
        ("WrongLearner", "ToyClassifier is not a GenerativeLearner"),
    ),
    "step": (
        ("Attached", "attached that is not detached"),
        ("Vector", "loss that is a tensor of shape (1,)"),
        ("NotFinite", "loss that is nan"),
        ("UnknownMonitor", "monitor is 'los', but step returns only loss, count"),
        ("OnlyFloat32", "Index put requires the source and destination dtypes match"),
    ),
    "gradients": (
        ("DeadParameter", "reaches net.unused"),
        ("CutGradient", "reaches net.0.weight, net.0.bias"),
        ("DeadHead", "reaches domain.weight, domain.bias"),
    ),
    "resume": (
        ("Amnesiac", "the learner's count differ too: return them from extra_state"),
        ("OwnRandomness", "two trainings with the same seed differ"),
    ),
    "training": (("Diverging", "Diverged: the toy diverged on purpose"),),
    "shapes": (
        ("Squeezed", "1 pictures of 1×16×16 classes, precision float32: sample returns shape (1, 16, 16)"),
        ("Double", "torch.float64"),
        ("NotFiniteSets", "not finite"),
        ("Saturated", "blank"),
        ("TooManyLogits", "classify returns shape (1, 8), not (1, 4)"),
        ("FeatureMaps", "features returns shape (1, 1, 16, 16), not (1, D)"),
    ),
    "seeds": (
        ("GlobalRandomness", "global generator changes the pictures"),
        ("Restless", "again with the same seed gives other pictures"),
        ("Fixed", "another seed gives the same pictures"),
    ),
    "condition": (("Heedless", "hardly changes the picture"), ("Swapped", "only 0% of pictures turn")),
    "learning": (
        ("Stagnant", "does not fall"),
        ("Worsening", "distance to the condition's pictures"),
        ("WrongClasses", "source accuracy"),
        ("StagnantAdapting", "loss 1.05 → 1.95 does not fall"),
    ),
    "inference": (
        ("BatchDependent", "scores depend on the pictures beside it"),
        ("RandomScores", "the same pictures get other scores"),
    ),
    "domains": (("DeadDomain", "it is dead, and nothing adapts"), ("NeverHeard", "does not fall")),
}
HONEST = ("Toy", "Guided", "Picky", "Unmonitored", "Adapting", "UnmonitoredAdapting", "AdversarialAdapting")


@pytest.fixture
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Install a class of `toy_family` under the name ``toy``, as a distribution would."""

    def install(class_name: str) -> None:
        folder = tmp_path / "toy_family-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-family\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[genbench.families]\ntoy = toy_family:{class_name}\n")
        monkeypatch.syspath_prepend(str(Path(__file__).parent))
        monkeypatch.syspath_prepend(str(tmp_path))

    torch.set_num_threads(1)
    return install


def examined(preset: str = "smoke") -> list[Finding]:
    subject = Subject("toy", preset)
    return list(examine(subject, checks_for(subject)))


@pytest.mark.parametrize("class_name", HONEST)
def test_an_honest_family_passes_every_check(register, class_name: str) -> None:
    register(class_name)
    findings = examined()
    assert {f.name: f.detail for f in findings if not f.passed} == {}
    assert len(findings) == len(CHECKS["adaptation" if "Adapting" in class_name else "generation"])


@pytest.mark.parametrize(
    ("check", "class_name", "reason"),
    [(check, class_name, reason) for check, cases in BROKEN.items() for class_name, reason in cases],
)
def test_a_broken_family_fails_one_check_with_the_reason(register, check: str, class_name: str, reason: str) -> None:
    register(class_name)
    failed = {f.name: f.detail for f in examined() if f.passed is False}
    assert list(failed) == [check], failed
    assert reason in failed[check]
    assert "\n" not in failed[check]


def test_every_check_has_a_family_that_fails_it() -> None:
    names = {check.name for checks in CHECKS.values() for check in checks}
    assert names == set(BROKEN)
    assert all(check.law.endswith(".") for checks in CHECKS.values() for check in checks)


def test_what_a_failure_makes_pointless_is_not_tried(register) -> None:
    register("Diverging")
    findings = {f.name: f for f in examined()}
    assert [name for name, f in findings.items() if f.passed is None] == ["seeds", "condition", "learning"]
    assert findings["seeds"].detail == "not tried, because of: training"


def test_a_check_leaves_the_callers_randomness_alone(register) -> None:
    register("Toy")
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    examined()
    assert torch.equal(torch.rand(2), expected)


def test_the_command_prints_findings_and_succeeds(register, capsys: pytest.CaptureFixture[str]) -> None:
    register("Toy")
    check_family("toy", "smoke", output="json")
    rows = json.loads(capsys.readouterr().out)
    assert [row["check"] for row in rows] == [check.name for check in CHECKS["generation"]]
    assert {row["result"] for row in rows} == {"passed"}


def test_the_command_fails_with_the_names_of_broken_checks(register, capsys: pytest.CaptureFixture[str]) -> None:
    register("Heedless")
    with pytest.raises(RunError, match=r"^toy breaks 1 of 10 checks: condition$") as caught:
        check_family("toy", "smoke", output="csv")
    assert caught.value.exit_code == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "check,result,seconds,detail,law"
    assert any(line.startswith("condition,failed,") for line in lines)


def test_unknown_families_and_presets_are_bad_input(register) -> None:
    register("Toy")
    with pytest.raises(PluginError, match="did you mean 'toy'"):
        check_family("toyy", "smoke", output="table")
    with pytest.raises(ConfigError, match="unknown preset of toy 'smoker': did you mean 'smoke'"):
        check_family("toy", "smoker", output="table")


@pytest.mark.parametrize("exclusive", [True, False])
def test_the_toy_guide_classifies_the_toy_set(exclusive: bool) -> None:
    toys = ToySet(28, 3, exclusive=exclusive)
    images = toys.batches(64, seed=0).batch(0)
    guide = ToyGuide(28)
    pictures = images.images.clone().requires_grad_()
    logits = guide(pictures)
    assert torch.equal((logits > 0).float(), images.conditions)
    logits.sum().backward()
    assert bool((pictures.grad != 0).all())
    assert toys.info.conditions == OBJECTS


def test_a_budget_that_is_cut_short_keeps_its_progress() -> None:
    budget = CutShort("steps", 10, stop=4)
    shares = [budget.spent(pictures=0, steps=step, seconds=0, flop=0) for step in (0, 3, 4)]
    assert shares == pytest.approx([0, 0.3, 1.0])
