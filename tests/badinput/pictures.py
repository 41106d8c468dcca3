"""Pictures of every kind of brokenness, as data to train on and to score."""

import struct
import zlib

from tests.badinput.cases import Case, Content, picture, png

GOOD = {f"made/{digit}/{k}.png": picture() for digit in "01" for k in range(12)}
FOLDER = ["compare", "ddpm", "--preset", "smoke", "--dataset", "image-folder", "--data-root", "made"]
JPEG = picture("JPEG", "RGB", (64, 64))


def trained(name: str, content: Content, advises: str, file: str = "bad.png") -> Case:
    """A bad picture in a folder of good ones."""
    files = {**GOOD, f"made/0/{file}": content}
    return Case(f"picture to train on: {name}", [*FOLDER, "--resolution", "16"], file, advises, files)


def scored(name: str, content: Content, advises: str, file: str = "bad.png", **variables: str) -> Case:
    """A bad picture to score."""
    files = {"made/good.png": picture(), f"made/{file}": content}
    return Case(f"picture to score: {name}", ["evaluate", "made"], file, advises, files, variables)


def gif() -> bytes:
    """Three frames."""
    from PIL import Image

    frames = [Image.new("L", (16, 16), level) for level in (0, 100, 200)]
    return picture("GIF", save_all=True, append_images=frames)


CASES = [
    trained("no bytes", b"", "is empty: replace"),
    trained("one byte", b"\x89", "replace or remove"),
    trained("zeros", b"\0" * 5000, "replace or remove"),
    trained("text", "not a picture", "replace or remove"),
    trained("cut in the header", picture()[:20], "replace or remove"),
    trained("cut in the pixels", picture("PNG", "RGB", (64, 64))[:-40], "replace or remove"),
    trained("JPEG cut short", JPEG[: len(JPEG) // 2], "replace or remove", "bad.jpg"),
    trained("a wrong checksum", picture()[:29] + b"\0\0\0\0" + picture()[33:], "replace or remove"),
    trained("wrong magic", b"\x88" + picture()[1:], "replace or remove"),
    trained("no rows and no columns", png(0, 0), "replace or remove"),
    trained("no columns", png(0, 16), "replace or remove"),
    trained("no pixels", png(16, 16), "replace or remove"),
    trained("pixels that are no deflate", png(16, 16, data=b"garbage"), "replace or remove"),
    trained("fewer pixels than promised", png(16, 16, data=zlib.compress(b"\0" * 20)), "replace or remove"),
    trained("17 bits", png(16, 16, bits=17), "replace or remove"),
    trained("an unknown kind of colour", png(16, 16, colour=5), "replace or remove"),
    trained("100 megapixels", png(10_000, 10_000), "set GENBENCH_MAX_PIXELS higher"),
    trained("terapixels", png(1_000_000, 1_000_000), "set GENBENCH_MAX_PIXELS higher"),
    trained("the most pixels there are", png(2**31 - 1, 2**31 - 1), "set GENBENCH_MAX_PIXELS higher"),
    trained("a GIF by another name", gif(), "replace or remove"),
    trained("a TIFF by another name", picture("TIFF"), "replace or remove"),
    trained(
        "PostScript by another name", "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n%%EndComments\n", "replace"
    ),
    trained("a web page", "<html><body>404 Not Found</body></html>", "replace or remove", "bad.jpg"),
    trained("a WebP cut short", picture("WEBP")[:-8], "replace or remove", "bad.webp"),
    trained(
        "a BMP that lies",
        b"BM" + struct.pack("<IIIIiiHHIIIIII", 99, 0, 54, 40, -5, 0, 1, 24, 0, 0, 0, 0, 0, 0),
        "replace",
        "bad.bmp",
    ),
    trained(
        "a BMP of gigapixels",
        b"BM" + struct.pack("<IIIIiiHHIIIIII", 99, 0, 54, 40, 10**6, 10**6, 1, 24, 0, 0, 0, 0, 0, 0),
        "set GENBENCH_MAX_PIXELS",
        "bad.bmp",
    ),
    scored("no bytes", b"", "is empty: replace"),
    scored("random bytes", bytes(range(256)) * 20, "replace or remove"),
    scored("another size", picture(size=(17, 16)), "resize the pictures"),
    scored("coloured", picture("JPEG", "CMYK", quality=95), "convert", "bad.jpg"),
    scored("a bomb", png(50_000, 50_000), "set GENBENCH_MAX_PIXELS higher"),
    scored(
        "more than a lower limit", picture(), "set GENBENCH_MAX_PIXELS higher", "good.png", GENBENCH_MAX_PIXELS="100"
    ),
    scored("cut short", picture("PNG", "L", (16, 16))[:-30], "replace or remove"),
    Case(
        "picture to score: a limit that is none",
        ["evaluate", "made"],
        "GENBENCH_MAX_PIXELS='many'",
        "whole number",
        {"made/a.png": picture()},
        {"GENBENCH_MAX_PIXELS": "many"},
    ),
    Case("pictures to score: a folder without", ["evaluate", "made"], "made", "looked for", {"made/a.txt": "x"}),
    Case(
        "pictures to score: a folder named x.png",
        ["evaluate", "made"],
        "made",
        "looked for",
        {"made/x.png": lambda path: path.mkdir()},
    ),
    Case(
        "pictures to score: no such reference",
        ["evaluate", "made", "--reference", "nowhere"],
        "nowhere",
        "no such folder",
        {"made/a.png": picture()},
    ),
    Case("pictures to train on: none", FOLDER, "made", "put the pictures into", {"made/readme.txt": "x"}),
    Case("pictures to train on: an empty class", FOLDER, "made/2", "add some or remove", {**GOOD, "made/2/x.txt": ""}),
    Case(
        "pictures to train on: a folder named x.png",
        FOLDER,
        "made/2",
        "add some or remove",
        {**GOOD, "made/2/x.png": lambda path: path.mkdir()},
    ),
    Case(
        "pictures to train on: two",
        FOLDER,
        "2 pictures",
        "add pictures",
        {"made/0/a.png": picture(), "made/1/a.png": picture()},
    ),
    Case(
        "pictures to train on: a class of its own in test",
        FOLDER,
        "'9'",
        "known:",
        {"made/train/0/a.png": picture(), "made/test/9/a.png": picture()},
    ),
    Case(
        "pictures to train on: val and validation",
        FOLDER,
        "made",
        "keep one",
        {"made/train/0/a.png": picture(), "made/val/0/a.png": picture(), "made/validation/0/a.png": picture()},
    ),
    Case(
        "pictures to train on: more than fit a limit",
        [*FOLDER, "--resolution", "512"],
        "24 pictures",
        "set GENBENCH_MAX_DATA_BYTES higher",
        GOOD,
        {"GENBENCH_MAX_DATA_BYTES": "1000000"},
    ),
    Case(
        "pictures to train on: more classes than a limit",
        FOLDER,
        "made",
        "set GENBENCH_MAX_CONDITIONS higher",
        GOOD,
        {"GENBENCH_MAX_CONDITIONS": "1"},
    ),
]
