"""How adaptation's settings are chosen: by an unsupervised score, never by labels of the target.

Trains each candidate on repetitions that no published table uses, and scores it on validation pictures:

* ``im``: information maximisation on the target's validation pictures, without their labels (J. S. Bridle et al., NIPS
  1991): [H(mean p) - mean H(p)] / log K, 1 when every prediction is certain and all classes are as frequent. It is the
  score of ``--selection unsupervised``;
* ``ami``: how well the target's predicted classes agree with k-means clusters of the features (ClassAMI; K. Musgrave et
  al., arXiv:2208.07360), adjusted for chance;
* ``agreement``: the share of those pictures that two repetitions put into the same class. Clusters that have another
  class's name look perfect to the scores above, but have it in one repetition and not in the other (after Y. Jiang et
  al., *Assessing generalization of SGD via disagreement*, ICLR 2022). All in one class agree, too: read it beside
  ``im``. Needs ``--repetitions 2``;
* ``source``: accuracy on the source's validation pictures. With ``normalize = "domain"`` they are normalised by the
  target's statistics, so that it is no guide between normalisations.

The family card says which presets were chosen by the mean of ``im`` and ``ami``, what that overlooked, and which by
``agreement``. Needs no particular machine; uses one thread.

    python benchmarks/adaptation_choices.py --pairs mnist-m:usps mnist:mnist-m --data-root DATA --budget 100kimg \
        --repetitions 2 --candidate "lambda_max=1.0" --candidate "lambda_max=2.0; zoom=0.0"
"""

from __future__ import annotations

import argparse
import json
import math
import tomllib
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genbench.api import AdaptationLearner
from genbench.data import to_float
from genbench.observing import Observer
from genbench.planning import plan
from genbench.running import build_learner
from genbench.specs import DataSpec, EvaluationSpec, RunSpec
from genbench.tasks.adaptation import Adaptation
from genbench.tasks.criteria import information
from genbench.training import Training

FIRST_REPETITION = 1000
"""Far from the repetitions 0, 1, … of published tables."""
PICTURES = 4000
"""Validation pictures of a domain that are scored, at most."""

Array = np.ndarray[Any, np.dtype[np.float64]]
Labels = np.ndarray[Any, np.dtype[np.int64]]


def agreement(features: Array, predicted: Array, classes: int) -> float:
    """Adjusted mutual information of predicted classes [N] and k-means clusters of features [N, D]."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.metrics import adjusted_mutual_info_score

    few = PCA(min(32, *features.shape), random_state=0).fit_transform(features)
    clusters = KMeans(classes, n_init=4, random_state=0).fit_predict(few)
    return float(adjusted_mutual_info_score(predicted, clusters))


def outputs(learner: AdaptationLearner, images: Any) -> tuple[torch.Tensor, Array]:
    """Logits [N, K] and features [N, D] of uint8 pictures [N, H, W, C]."""
    logits, features = [], []
    for start in range(0, min(len(images), PICTURES), 500):
        batch = to_float(torch.from_numpy(np.array(images[start : min(start + 500, PICTURES)])))
        logits.append(learner.classify(batch).float())
        features.append(learner.features(batch).double().numpy())
    return torch.cat(logits), np.concatenate(features)


def agreement_of(predictions: list[Labels]) -> float:
    """The share of pictures that two repetitions put into the same class, the mean over pairs of them; NaN for one."""
    return float(np.mean([(a == b).mean() for a, b in combinations(predictions, 2)])) if predictions[1:] else math.nan


def trial(
    task: Adaptation, args: argparse.Namespace, settings: dict[str, Any], repetition: int
) -> tuple[dict[str, float], Labels]:
    """Train one candidate and score it on validation pictures, with its predictions; target labels are not read."""
    spec = RunSpec(
        family=args.family,
        preset=args.preset,
        data=DataSpec(name=task.info.name, root=args.data_root),
        train=settings,
        budget=args.budget,
        device="cpu",
        precision=args.precision,
        repetition=FIRST_REPETITION + repetition,
    )
    made = plan(spec, task)
    size = made.resolved.train.batch_size
    batches = task.batches(batch_size=size, seed=made.seed, device=made.device, augment="none")
    learner = build_learner(made)
    training = Training(
        learner,
        batches,
        batch_size=size,
        budget=made.resolved.budget,
        seed=made.seed,
        device=made.device,
        precision=made.precision,
    )
    training.run()
    source, target = (task.data(domain).splits["validation"] for domain in ("source", "target"))
    assert isinstance(learner, AdaptationLearner)
    with training.applied():
        known, _ = outputs(learner, source.images)
        guessed, features = outputs(learner, target.images)
    truth = np.asarray(source.conditions[: len(known)]).argmax(1)
    tail = {k: float(np.mean(v[-50:])) for k, v in training.history.values.items() if k == "domain_accuracy"}
    scores = {
        "source": float((known.argmax(1).numpy() == truth).mean()),
        "im": information(guessed),
        "ami": agreement(features, guessed.argmax(1).double().numpy(), guessed.shape[1]),
        "seconds": training.counters.seconds,
        **tail,
    }
    return scores, guessed.argmax(1).numpy()


def main() -> None:
    """Train, score, and print one line of JSON a trial, then the table, best first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", nargs="+", required=True)
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--family", default="dann")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--budget")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--repetitions", type=int, default=1)
    parser.add_argument("--candidate", action="append", default=[], help='changes in TOML: "lambda_max=2.0; shift=2"')
    args = parser.parse_args()
    torch.set_num_threads(1)
    candidates = args.candidate or [""]
    found: dict[str, list[dict[str, float]]] = {text: [] for text in candidates}
    agreed: dict[str, list[float]] = {text: [] for text in candidates}
    for pair in args.pairs:
        data = DataSpec(name=pair, root=args.data_root)
        task = Adaptation.open(data, EvaluationSpec(), torch.device("cpu"), Observer())
        for text in candidates:
            predictions: list[Labels] = []
            for repetition in range(args.repetitions):
                result, predicted = trial(task, args, tomllib.loads(text.replace(";", "\n")), repetition)
                rounded = {key: round(value, 4) for key, value in result.items()}
                print(json.dumps({"pair": pair, "candidate": text, "repetition": repetition, **rounded}), flush=True)
                found[text].append(result)
                predictions.append(predicted)
            same = agreement_of(predictions)
            print(json.dumps({"pair": pair, "candidate": text, "agreement": round(same, 4)}), flush=True)
            agreed[text].append(same)
    report(found, agreed)


def report(found: dict[str, list[dict[str, float]]], agreed: dict[str, list[float]]) -> None:
    """Print means over pairs and repetitions as a Markdown table, best agreement first."""
    columns = ("im", "ami", "source", "seconds")
    means = {text: [float(np.mean([r[k] for r in results])) for k in columns] for text, results in found.items()}
    print("\n| candidate | agreement | im | ami | source | seconds |\n|---|---|---|---|---|---|")
    for text, mean in sorted(means.items(), key=lambda item: -float(np.mean(agreed[item[0]]))):
        numbers = " | ".join(f"{value:.3f}" for value in (float(np.mean(agreed[text])), *mean[:3]))
        print(f"| `{text or 'as the preset has it'}` | {numbers} | {mean[3]:.0f} |")


if __name__ == "__main__":
    main()
