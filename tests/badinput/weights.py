"""Weights, start noises and features in files: damaged, lying, or carrying code."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.badinput.cases import Case, Content, nested, picture, safetensors


class Bomb:
    """Unpickled, it leaves a file behind."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.write_text, (Path("exploded"), "boom")


def saved(content: Any, **options: Any) -> bytes:
    """What ``torch.save`` makes of it."""
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def npy(array: Any, **options: Any) -> bytes:
    """What ``numpy.save`` makes of it."""
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def npy_header(shape: str, kind: str = "<f4") -> bytes:
    """An npy file without data, whose header claims a shape."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (64 - (10 + len(header) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def zipped_bomb() -> bytes:
    """A checkpoint whose archive unpacks to more than it has."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 10**6)
    return buffer.getvalue()


def lab(name: str, content: Content, advises: str, **variables: str) -> Case:
    """The lab's ResNet-18, looked at when an i-CLEVR run is planned."""
    objects = {f"object {n}": n for n in range(24)}
    scenes = {f"CLEVR_train_{n:06}_0.png": ["object 1"] for n in range(4)}
    files: dict[str, Content] = {
        "lab/objects.json": json.dumps(objects),
        "lab/train.json": json.dumps(scenes),
        "lab/test.json": '[["object 1"]]',
        "lab/new_test.json": '[["object 2"]]',
        **{f"lab/{scene}": picture("PNG", "RGB") for scene in scenes},
        "c.pth": content,
    }
    arguments = [
        "compare",
        "ddpm",
        "--preset",
        "smoke",
        "--seeds",
        "1",
        "--dataset",
        "iclevr",
        "--data-root",
        "lab",
        "--lab-checkpoint",
        "c.pth",
    ]
    return Case(f"checkpoint.pth: {name}", arguments, "c.pth", advises, files, variables)


def inception(name: str, content: Content, advises: str = "torch-fidelity publishes it") -> Case:
    """Inception's weights."""
    arguments = ["evaluate", "made", "--inception-weights", "i.pth", "--metrics", "fid", "--extractor", "inception"]
    files: dict[str, Content] = {**{f"made/{k}.png": picture() for k in range(3)}, "i.pth": content}
    return Case(f"Inception: {name}", arguments, "i.pth", advises, files)


def noise(name: str, content: Content, advises: str = "write one with --save-noise", file: str = "n.npy") -> Case:
    """Start noises."""
    return Case(f"start noise: {name}", ["sample", "beef", "--noise", file], file, advises, {file: content})


def reference(name: str, content: Content, advises: str = "--save-reference") -> Case:
    """Features of real pictures."""
    arguments = ["evaluate", "made", "--reference-features", "f.safetensors", "--metrics", "fid"]
    files: dict[str, Content] = {**{f"made/{k}.png": picture() for k in range(3)}, "f.safetensors": content}
    return Case(f"features: {name}", arguments, "f.safetensors", advises, files)


def features(array: Any, card: Any = None, **changes: str) -> bytes:
    """A file of features with this card."""
    values = np.asarray(array, np.float32)
    text = json.dumps(CARD if card is None else card) if not isinstance(card, str) else card
    metadata = {"format": "genbench-reference-1", "card": text, **changes}
    entry = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [0, values.nbytes]}
    return safetensors({"__metadata__": metadata, "features": entry}, values.tobytes())


CARD = {"extractor": {"extractor": "mine", "weights": "w"}, "reference": "x", "reference_hash": "y"}
TENSOR = {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}

UNET = {"_class_name": "UNet2DModel", "in_channels": 1, "out_channels": 1, "sample_size": 16}
SCHEDULER = {"_class_name": "DDPMScheduler", "beta_schedule": "linear"}


def diffusers(
    name: str,
    advises: str,
    names: str = "config.json",
    *,
    unet: Any = UNET,
    scheduler: Any = SCHEDULER,
    **weights: bytes,
) -> Case:
    """A folder in diffusers' layout, where something is bad."""
    files: dict[str, Content] = {
        f"ckpt/{path}": content if isinstance(content, str) else json.dumps(content)
        for path, content in (("unet/config.json", unet), ("scheduler/scheduler_config.json", scheduler))
    }
    files |= {f"ckpt/unet/diffusion_pytorch_model.{ending}": content for ending, content in weights.items()}
    arguments = ["compare", "ddpm:pretrained@validation", "--seeds", "1", "--set", "train.checkpoint=ckpt"]
    return Case(f"diffusers folder: {name}", arguments, names, advises, files)


CASES = [
    diffusers("no JSON", "correct it", unet="{"),
    diffusers("nested", "correct it", unet=nested()),
    diffusers("a list", "expected an object", unet=[1]),
    diffusers("another model", "expected a UNet2DModel", unet={"_class_name": "os.system"}),
    diffusers("a model that is a list", "expected a UNet2DModel", unet={"_class_name": []}),
    diffusers("another scheduler", "known are", scheduler={"_class_name": "Evil"}),
    diffusers("a scheduler that is a list", "known are", scheduler={"_class_name": []}),
    diffusers("an unknown schedule", "known:", scheduler={**SCHEDULER, "beta_schedule": ["x"]}),
    diffusers("steps that are a list", "correct it", scheduler={**SCHEDULER, "num_train_timesteps": [1]}),
    diffusers("steps that are text", "correct it", scheduler={**SCHEDULER, "num_train_timesteps": "many"}),
    diffusers("steps without an end", "correct it", scheduler={**SCHEDULER, "num_train_timesteps": 1e999}),
    diffusers("terasteps", "less than", "num_train_timesteps", scheduler={**SCHEDULER, "num_train_timesteps": 10**12}),
    diffusers("betas that are text", "correct it", scheduler={**SCHEDULER, "trained_betas": "x"}),
    diffusers("other channels", "in_channels is 9", unet={**UNET, "in_channels": 9}),
    diffusers("no weights", "safetensors", "ckpt/unet"),
    diffusers("weights that are code", "safetensors", "ckpt/unet", bin=pickle.dumps(Bomb())),
    diffusers("weights cut short", "safetensors", "ckpt/unet", safetensors=safetensors(TENSOR, b"\0" * 8)),
    diffusers("other weights", "do not fit config.json", "ckpt/unet", safetensors=safetensors(TENSOR, b"\0" * 16)),
    *(
        diffusers(
            f"weights in {what}",
            advises,
            "safetensors.index.json",
            **{"safetensors.index.json": json.dumps(index).encode()},
        )
        for what, advises, index in (
            ("another folder", "name files in", {"weight_map": {"a": "../../secret.safetensors"}}),
            ("a place of its own", "name files in", {"weight_map": {"a": "/etc/passwd"}}),
            ("a file that is code", "name files in", {"weight_map": {"a": "pytorch_model.bin"}}),
            ("a number", "name files in", {"weight_map": {"a": 1}}),
            ("a list", "expected an index", {"weight_map": ["a"]}),
        )
    ),
    diffusers(
        "blocks that are text",
        "safetensors",
        "ckpt/unet",
        unet={**UNET, "block_out_channels": "abc"},
        safetensors=safetensors(TENSOR, b"\0" * 16),
    ),
    diffusers(
        "a network of terabytes",
        "set GENBENCH_MAX_NETWORK_NUMBERS higher",
        "ddpm",
        unet={**UNET, "block_out_channels": [2**20] * 4},
        safetensors=safetensors(TENSOR, b"\0" * 16),
    ),
    lab("no bytes", b"", "{'model': state_dict}"),
    lab("text", "not a checkpoint", "{'model': state_dict}"),
    lab("code", pickle.dumps(Bomb()), "is not opened"),
    lab("code in a torch file", saved({"model": Bomb()}), "is not opened"),
    lab("code in an old torch file", saved({"model": Bomb()}, _use_new_zipfile_serialization=False), "is not opened"),
    lab("cut short", saved({"model": {"a": torch.zeros(1000)}})[:-500], "{'model': state_dict}"),
    lab("a list", saved([1, 2]), "no state_dict under the key 'model'"),
    lab("numbers for tensors", saved({"model": {"conv1.weight": 3}}), "no state_dict"),
    lab("another network", saved({"model": {"conv1.weight": torch.zeros(3)}}), "it must be a ResNet-18"),
    lab("a bomb", zipped_bomb(), "set GENBENCH_MAX_UNPACKED_BYTES higher", GENBENCH_MAX_UNPACKED_BYTES="100000"),
    lab("a directory", lambda path: path.mkdir(), "{'model': state_dict}"),
    inception("code", pickle.dumps(Bomb())),
    inception("code in a torch file", saved({"a": Bomb()})),
    inception("a list", saved([1])),
    inception("other tensors", saved({"a": torch.zeros(3)})),
    inception("no bytes", b""),
    inception("a directory", lambda path: path.mkdir(), "name weights-inception"),
    noise("another ending", b"", "name one of these", "n.pt"),
    noise("no such file", lambda path: None),
    noise("no bytes", b""),
    noise("a pickle", npy(np.array([Bomb()], object), allow_pickle=True)),
    noise("a pickle without a header", pickle.dumps(Bomb())),
    noise("an archive", npy(np.zeros(3))[:0] + zipped_bomb()),
    noise("text", npy(np.array(["a", "b"]))),
    noise("complex numbers", npy(np.zeros((2, 2), complex))),
    noise("whole numbers", npy(np.zeros((2, 2), int))),
    noise("one dimension", npy(np.zeros(3, np.float32))),
    noise("NaN", npy(np.full((2, 1, 4, 4), np.nan, np.float32))),
    noise("cut short", npy(np.zeros((2, 1, 4, 4), np.float32))[:-10]),
    noise("a header of exabytes", npy_header("(1000000000000000000,)")),
    noise("a header of terabytes", npy_header("(1000000000000, 2)")),
    noise("a header of negative size", npy_header("(-1, 2)")),
    noise("a header of nested brackets", npy_header(nested("(", 5000))),
    noise("a header that is code", npy_header("__import__('pathlib').Path('exploded').write_text('boom')")),
    noise("safetensors: no bytes", b"", file="n.safetensors"),
    noise("safetensors: a header of exabytes", b"\xff" * 8 + b"{}", file="n.safetensors"),
    noise("safetensors: a header cut short", safetensors(TENSOR, b"\0" * 16)[:20], file="n.safetensors"),
    noise("safetensors: data cut short", safetensors(TENSOR, b"\0" * 8), file="n.safetensors"),
    noise("safetensors: no JSON", safetensors(b"not json"), file="n.safetensors"),
    noise("safetensors: nested", safetensors(nested().encode()), file="n.safetensors"),
    noise("safetensors: overlapping", safetensors({**TENSOR, "b": TENSOR["a"]}, b"\0" * 16), file="n.safetensors"),
    noise(
        "safetensors: an unknown type",
        safetensors({"noise": {"dtype": "X9", "shape": [4], "data_offsets": [0, 16]}}, b"\0" * 16),
        file="n.safetensors",
    ),
    noise(
        "safetensors: a lying shape",
        safetensors({"noise": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 16]}}, b"\0" * 16),
        file="n.safetensors",
    ),
    noise("safetensors: a pickle", pickle.dumps(Bomb()), file="n.safetensors"),
    noise("safetensors: another tensor", safetensors(TENSOR, b"\0" * 16), file="n.safetensors"),
    reference("no such file", lambda path: None),
    reference("no bytes", b""),
    reference("a pickle", pickle.dumps(Bomb())),
    reference("another format", features(np.zeros((4, 2)), format="other")),
    reference("a card that is no JSON", features(np.zeros((4, 2)), "{")),
    reference("a card that is nested", features(np.zeros((4, 2)), nested(depth=20_000))),
    reference("a card that is a list", features(np.zeros((4, 2)), [])),
    reference("a card without an extractor", features(np.zeros((4, 2)), {"reference": "x"})),
    reference("an extractor that is text", features(np.zeros((4, 2)), {**CARD, "extractor": "mine"})),
    reference("one dimension", features(np.zeros(4))),
    reference("NaN", features(np.full((4, 2), np.nan))),
    reference("another extractor", features(np.zeros((4, 2))), "choose the same"),
]
