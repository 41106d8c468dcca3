"""Which checks a family of each task is held to, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from genbench.api import Task
from genbench.checking import adaptation, generation
from genbench.checking.contract import Check
from genbench.checking.description import description
from genbench.checking.subject import Subject
from genbench.checking.training import gradients, resume, state, step, training

COMMON = (
    Check(description),
    Check(state),
    Check(step, needs=("state",)),
    Check(gradients, needs=("step",)),
    Check(resume, needs=("step",)),
    Check(training, needs=("step",)),
)

CHECKS: Mapping[Task, Sequence[Check]] = {
    "generation": (
        *COMMON,
        Check(generation.shapes, needs=("step",)),
        Check(generation.seeds, needs=("training",)),
        Check(generation.condition, needs=("training",)),
        Check(generation.learning, needs=("training",)),
    ),
    "adaptation": (
        *COMMON,
        Check(adaptation.shapes, needs=("step",)),
        Check(adaptation.inference, needs=("training",)),
        Check(adaptation.learning, needs=("training",)),
        Check(adaptation.domains, needs=("training",)),
    ),
}


def checks_for(subject: Subject) -> Sequence[Check]:
    """The checks of the family's task; only the description's where the task is none of genbench's."""
    return CHECKS.get(getattr(subject.family, "task", "generation"), COMMON[:1])
