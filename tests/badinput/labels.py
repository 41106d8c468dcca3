"""i-CLEVR's JSON files, label files of pictures to score, lists of conditions."""

import json
from collections.abc import Mapping
from typing import Any

from tests.badinput.cases import Case, Content, nested, picture

OBJECTS = {"gray cube": 0, "red cube": 1}
COMPARE = ["compare", "ddpm", "--preset", "smoke", "--dataset", "iclevr", "--data-root", "lab", "--resolution", "16"]
SCENES = {f"CLEVR_train_{n:06}_0.png": ["red cube"] for n in range(4)}


def lab(
    name: str, file: str, content: Content | Any, names: str, advises: str, files: Mapping[str, Content] = {}
) -> Case:
    """An i-CLEVR folder, one of whose files is bad."""
    good: dict[str, Content] = {
        "lab/objects.json": json.dumps(OBJECTS),
        "lab/train.json": json.dumps(SCENES),
        "lab/test.json": '[["red cube"]]',
        "lab/new_test.json": '[["gray cube"]]',
        **{f"lab/{name}": picture("PNG", "RGB") for name in SCENES},
    }
    bad = content if isinstance(content, str | bytes) or callable(content) else json.dumps(content)
    return Case(f"i-CLEVR {file}: {name}", COMPARE, names, advises, {**good, f"lab/{file}": bad, **files})


def scored(name: str, content: Content | Any, names: str, advises: str, **files: Content) -> Case:
    """Labels of pictures that are to be scored."""
    bad = content if isinstance(content, str | bytes) or callable(content) else json.dumps(content)
    there = {"made/a.png": picture(), "outside.png": picture(), "made/labels.json": bad}
    arguments = ["evaluate", "made", "--metrics", "accuracy"]
    return Case(f"labels.json: {name}", arguments, names, advises, {**there, **files})


def leads(name: str) -> Case:
    """A picture's name that leads out of the folder."""
    return lab(f"{name[:30]!r} as a picture", "train.json", {**SCENES, name: ["red cube"]}, "train.json", "inside it")


CASES = [
    lab("cut short", "train.json", '{"a.png": ["red cube"', "train.json", "line 1"),
    lab("empty", "train.json", "", "train.json", "replace it"),
    lab("white space", "objects.json", " \n", "objects.json", "replace it"),
    lab("NUL bytes", "test.json", b"\x00" * 64, "test.json", "correct it"),
    lab("UTF-16", "test.json", '[["red cube"]]'.encode("utf-16"), "test.json", "UTF-8"),
    lab("deep nesting", "new_test.json", nested(), "new_test.json", "nested too deeply"),
    lab("a number of 5,000 digits", "objects.json", f'{{"red cube": {"9" * 5000}}}', "objects.json", "digits"),
    lab("a directory", "objects.json", lambda path: path.mkdir(), "objects.json", "cannot be read"),
    lab("a list", "train.json", [1, 2], "train.json", "must be a JSON object"),
    lab("no pictures", "train.json", {}, "train.json", "at least one entry"),
    lab("a key twice", "objects.json", '{"a": 0, "a": 1}', "'a' occurs twice", "leave one out"),
    lab("an index that is text", "objects.json", {"red cube": "0"}, "'red cube'", "whole numbers"),
    lab("an index of NaN", "objects.json", '{"red cube": NaN}', "'red cube'", "whole numbers"),
    lab("an index of true", "objects.json", {"red cube": True}, "'red cube'", "whole numbers"),
    lab("a negative index", "objects.json", {"red cube": -1}, "'red cube'", "whole numbers"),
    lab("an index that is far", "objects.json", {"red cube": 10**9}, "'red cube'", "whole numbers"),
    lab("an index twice", "objects.json", {"red cube": 0, "blue cube": 0}, "'blue cube'", "both have index 0"),
    lab(
        "more objects than there are",
        "objects.json",
        {f"object {n}": n for n in range(10_001)},
        "objects.json",
        "set GENBENCH_MAX_CONDITIONS higher",
    ),
    lab(
        "an unknown object",
        "train.json",
        {**SCENES, "CLEVR_train_000009_0.png": ["rad cube"]},
        "rad cube",
        "red cube",
        {"lab/CLEVR_train_000009_0.png": picture()},
    ),
    lab("an object that is a number", "test.json", [[1]], "entry 0", "object name"),
    lab("conditions that are text", "test.json", ["red cube"], "entry 0", "object name"),
    lab("an empty set", "test.json", [[]], "entry 0", "at least one object"),
    lab("a picture that is not there", "train.json", {**SCENES, "x_0.png": ["red cube"]}, "x_0.png", "no such file"),
    lab("two scenes", "train.json", dict(list(SCENES.items())[:2]), "train.json", "too few"),
    lab("half a surrogate", "train.json", '{"\\ud800.png": ["red cube"]}', "train.json", "no such file"),
    leads("/etc/passwd"),
    leads("../../secret_000001_0.png"),
    leads("a/../../b.png"),
    leads("..\\b.png"),
    leads("C:\\b.png"),
    lab("a name with NUL", "train.json", {**SCENES, "a\0b.png": ["red cube"]}, "train.json", "no such file"),
    lab(
        "a name of 5,000 letters",
        "train.json",
        {**SCENES, "a" * 5000 + ".png": ["red cube"]},
        "train.json",
        "train.json names it",
    ),
    lab(
        "a link that leads out",
        "CLEVR_train_000001_0.png",
        lambda path: path.symlink_to("/etc/hostname"),
        "CLEVR_train_000001_0.png",
        "put the file itself there",
    ),
    scored("cut short", '{"a.png": ', "labels.json", "line 1"),
    scored("empty", "", "labels.json", "replace it"),
    scored("a list", [], "labels.json", "expected"),
    scored("no labels", {"a.png": []}, "a.png", "expected"),
    scored("a number", {"a.png": 3}, "a.png", "in quotation marks"),
    scored("an unknown label", {"a.png": "eleven"}, "'eleven'", "known:"),
    scored("an absolute path", {"/etc/hostname": "1"}, "/etc/hostname", "name files in"),
    scored("a path that climbs", {"../outside.png": "1"}, "../outside.png", "name files in"),
    scored("a name with NUL", {"a\0.png": "1"}, "labels.json", "take it out"),
    scored("a name of 5,000 letters", {"a" * 5000: "1"}, "labels.json", "take it out"),
    scored("half a surrogate", '{"\\udfff.png": "1"}', "labels.json", "take it out"),
    scored("a picture that is not there", {"b.png": "1"}, "b.png", "put it there"),
    scored("deep nesting", nested('{"a":'), "labels.json", "nested too deeply"),
    Case(
        "labels.json: a link that leads out",
        ["evaluate", "made", "--metrics", "accuracy"],
        "link.png",
        "name files in",
        {
            "outside.png": picture(),
            "made/link.png": lambda path: path.symlink_to("../outside.png"),
            "made/labels.json": '{"link.png": "1"}',
        },
    ),
    Case(
        "labels: without an end",
        ["evaluate", "made", "--labels", "/dev/zero"],
        "/dev/zero",
        "set GENBENCH_MAX_TEXT_BYTES higher",
        {"made/a.png": picture()},
        {"GENBENCH_MAX_TEXT_BYTES": "1000000"},
    ),
    Case(
        "labels: a directory",
        ["evaluate", "made", "--labels", "made"],
        "made",
        "check the path",
        {"made/a.png": picture()},
    ),
]
