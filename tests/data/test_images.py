"""Image folders: every mode and size becomes one, and broken files are named."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.runtime.data import ColumnInfo, build_source
from netwright.runtime.data.batches import Batches
from netwright.runtime.data.plan import load_partitions
from netwright.runtime.errors import EnvironmentProblem

pytest.importorskip("PIL")
from PIL import Image

RED, BLUE = (255, 0, 0), (0, 0, 255)
HINT = "repair or remove it, or leave such files out: `broken: skip`"


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def load(base: Path, **fields: Any) -> dict[str, np.ndarray]:
    return build_source({"image_folder": {"path": "pets", "size": [2, 2], **fields}}).load(base).train.take(slice(None))


def one(base: Path, image: Image.Image, name: str = "a.png", **fields: Any) -> np.ndarray:
    """The array that a single image becomes, as bytes unless said otherwise."""
    options = fields.pop("options", {})
    save(base / "pets" / "cat" / name, image, **options)
    return load(base, **{"scale": False, **fields})["image"][0]


def test_classes_columns_and_order(tmp_path: Path) -> None:
    for name, colour in (("dog/b.png", RED), ("cat/2.jpg", BLUE), ("dog/a.png", BLUE), ("cat/1.PNG", RED)):
        save(tmp_path / "pets" / name, Image.new("RGB", (2, 2), colour))
    for stray in ("cat/notes.txt", "cat/.DS_Store", "readme.md"):
        (tmp_path / "pets" / stray).write_text("no image")
    (tmp_path / "pets" / ".git").mkdir()
    source = build_source({"image_folder": {"path": "pets", "size": [2, 3]}})
    data = source.load(tmp_path)
    batch = data.train.take(slice(None))
    assert data.categories == {"label": ("cat", "dog")}
    assert batch["label"].tolist() == [0, 0, 1, 1]
    assert (batch["image"].dtype, batch["image"].shape) == (np.float32, (4, 3, 2, 3))
    assert batch["image"][0, :, 0, 0].tolist() == [1, 0, 0]
    assert batch["image"][3, :, 0, 0].tolist() == [1, 0, 0]
    description = source.describe(tmp_path)
    assert description.rows == {"train": 4}
    assert description.columns["image"] == ColumnInfo("float32", (3, 2, 3))
    assert description.columns["label"] == ColumnInfo("int64", (), 2, ("cat", "dog"))


def test_folders_of_parts_and_stated_classes(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/1.png", "val/dog/1.png", "test/cat/1.png", "test/cat/2.png"):
        save(tmp_path / "pets" / name, Image.new("L", (2, 2)))
    source = build_source({"image_folder": {"path": "pets", "size": [2, 2], "classes": ["dog", "cat"]}})
    data = source.load(tmp_path)
    assert {part: columns.rows for part, columns in data.partitions().items()} == {
        "train": 2,
        "validation": 1,
        "test": 2,
    }
    assert data.validation is not None
    assert data.test is not None
    assert data.train.take(slice(None))["label"].tolist() == [0, 1]
    assert data.validation.take(slice(None))["label"].tolist() == [0]
    assert data.test.take(slice(None))["label"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("mode", "colour", "rgb", "gray"),
    [
        ("RGB", RED, [255, 0, 0], 76),
        ("L", 100, [100, 100, 100], 100),
        ("1", 1, [255, 255, 255], 255),
        ("RGBA", (255, 0, 0, 0), [255, 255, 255], 255),
        ("RGBA", (255, 0, 0, 255), [255, 0, 0], 76),
        ("LA", (0, 0), [255, 255, 255], 255),
        ("I;16", 65535, [255, 255, 255], 255),
        ("I;16", 25700, [100, 100, 100], 100),
    ],
)
def test_mixed_modes(tmp_path: Path, mode: str, colour: Any, rgb: list[int], gray: int) -> None:
    image = Image.new(mode, (2, 2), colour)
    assert one(tmp_path, image)[:, 0, 0].tolist() == rgb
    assert one(tmp_path, image, channels="last")[0, 0].tolist() == rgb
    small = one(tmp_path, image, mode="grayscale")
    assert (small.shape, small[0, 0]) == ((2, 2), gray)


def test_palettes_with_and_without_transparency(tmp_path: Path) -> None:
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, *RED])
    assert one(tmp_path, palette)[:, 0, 0].tolist() == [255, 0, 0]
    assert one(tmp_path, palette, options={"transparency": 1})[:, 0, 0].tolist() == [255, 255, 255]
    assert one(tmp_path, palette, name="a.gif")[:, 0, 0].tolist() == [255, 0, 0]


def test_cmyk_and_the_orientation_of_cameras(tmp_path: Path) -> None:
    assert one(tmp_path, Image.new("CMYK", (2, 2), (0, 0, 0, 0)), name="a.jpg").min() == 255
    (tmp_path / "pets" / "cat" / "a.jpg").unlink()
    turned = Image.new("L", (2, 1))
    turned.putdata([0, 255])
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90° clockwise
    pixels = one(tmp_path, turned, mode="grayscale", size=[2, 1], options={"exif": exif})
    assert pixels.tolist() == [[0], [255]]


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_sizes(tmp_path: Path, fit: str) -> None:
    wide = Image.new("L", (8, 4), 200)
    pixels = one(tmp_path, wide, mode="grayscale", size=[4, 4], fit=fit)
    assert pixels.shape == (4, 4)
    if fit == "pad":
        assert [pixels[0].tolist(), pixels[3].tolist()] == [[0] * 4, [0] * 4]
        assert pixels[1].min() == 200
    else:
        assert pixels.min() == pixels.max() == 200


def test_stretch_keeps_the_sides_and_crop_the_middle(tmp_path: Path) -> None:
    wide = Image.new("L", (6, 2))
    wide.putdata([0, 0, 100, 100, 255, 255] * 2)
    assert one(tmp_path, wide, mode="grayscale", fit="crop").tolist() == [[100, 100]] * 2
    stretched = one(tmp_path, wide, mode="grayscale", fit="stretch")
    assert stretched[0, 0] < 50
    assert stretched[0, 1] > 180


def broken_folder(tmp_path: Path) -> Path:
    """A good image, and one that is cut short."""
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8))
    save(tmp_path / "pets" / "cat" / "a.png", noise)
    path = save(tmp_path / "pets" / "cat" / "b.jpg", noise)
    path.write_bytes(path.read_bytes()[:-300])
    return path


def test_an_image_that_is_cut_short(tmp_path: Path, refuses) -> None:
    path = broken_folder(tmp_path)
    with refuses(f"{path}: is cut short", HINT):
        load(tmp_path)
    source = build_source({"image_folder": {"path": "pets", "size": [2, 2], "broken": "skip"}})
    assert source.load(tmp_path).train.rows == 1
    assert source.describe(tmp_path).rows == {"train": 1}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is no image that can be read"),
        (b"<html>not found</html>", "is no image that can be read"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "is no image that can be read"),
    ],
)
def test_files_that_are_no_images(tmp_path: Path, refuses, content: bytes, fault: str) -> None:
    path = tmp_path / "pets" / "cat" / "a.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with refuses(f"{path}: {fault}", HINT):
        load(tmp_path)
    with refuses(f"{tmp_path}/pets: every image is broken"):
        load(tmp_path, broken="skip")


def test_a_png_with_a_damaged_middle(tmp_path: Path, refuses) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8))
    path = save(tmp_path / "pets" / "cat" / "a.png", noise)
    content = bytearray(path.read_bytes())
    content[200:260] = b"\0" * 60
    path.write_bytes(content)
    with refuses(f"{path}: is broken", HINT):
        load(tmp_path)


def test_pixels_that_cannot_be_taken(tmp_path: Path, refuses, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "pets" / "cat" / "a.tif", Image.new("F", (2, 2), 0.5))
    with refuses(f"{path}: has floating-point pixels, whose range is unknown", HINT):
        load(tmp_path)
    path.unlink()
    path = save(tmp_path / "pets" / "cat" / "a.png", Image.new("L", (20, 20)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with refuses(f"{path}: has too many pixels to be taken for a picture"):
        load(tmp_path)


def test_images_too_many_for_memory_are_read_when_taken(
    tmp_path: Path, refuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(6):
        save(tmp_path / "pets" / "ab"[index % 2] / f"{index}.png", Image.new("L", (2, 2), index))
    kept = load(tmp_path, mode="grayscale")
    monkeypatch.setattr("netwright.runtime.data.images.MEMORY_BYTES", 0)
    data = {
        "source": {"image_folder": {"path": "pets", "size": [2, 2], "mode": "grayscale"}},
        "split": {"test": 2 / 6, "stratify": "label"},
    }
    features = [{"name": "image", "dtype": "float32", "shape": [2, 2]}]
    targets = [{"name": "label", "dtype": "int64", "shape": [], "classes": 2}]
    parts = load_partitions(data, features, targets, tmp_path)
    assert parts.train.row_bytes is None
    assert parts.facts is not None
    assert parts.facts.labels == {"label": ("a", "b")}
    assert parts.facts.source["image_folder"]["classes"] == ["a", "b"]
    found = [v for b in Batches(parts.train, 3, shuffle=True, seed=1).epoch(0) for v in b["image"][:, 0, 0].tolist()]
    assert parts.test is not None
    found += parts.test.take(slice(None))["image"][:, 0, 0].tolist()
    assert sorted(found) == sorted(kept["image"][:, 0, 0].tolist())
    assert sorted(parts.test.take(slice(None))["label"].tolist()) == [0, 1]
    (tmp_path / "pets" / "a" / "0.png").unlink()
    with refuses(f"{tmp_path}/pets/a/0.png: there is no such file"):
        for part in (parts.train, parts.test):
            part.take(slice(None))


@pytest.mark.parametrize(
    ("folders", "fields", "message", "hint"),
    [
        (None, {}, "{pets}: there is no such folder", None),
        ((), {}, "{pets}: has no folders; each class needs one, with its images inside", None),
        (("cat",), {}, "{pets}/cat: has no images (files ending in {endings})", None),
        (
            ("cat", "dgo"),
            {"classes": ["cat", "dog"]},
            "{pets}: the folder 'dgo' is none of the classes 'cat' and 'dog'",
            "did you mean 'dog'?",
        ),
        (("train", "val", "valid"), {}, "{pets}: the folders 'valid' and 'val' both hold validation data", None),
        (("train", "test"), {"classes": ["cat"]}, "{pets}/train: has no folder of any class", None),
    ],
)
def test_folders_that_are_refused(
    tmp_path: Path, refuses, folders: tuple[str, ...] | None, fields: dict[str, Any], message: str, hint: str | None
) -> None:
    pets = tmp_path / "pets"
    for name in folders or ():
        (pets / name).mkdir(parents=True)
    if folders == ():
        pets.mkdir()
    endings = ".png, .jpg, .jpeg, .bmp, .gif, .webp, .tif, .tiff"
    with refuses(message.format(pets=pets, endings=endings), hint):
        load(tmp_path, **fields)


def test_a_file_instead_of_a_folder(tmp_path: Path, refuses) -> None:
    (tmp_path / "pets").write_text("")
    with refuses(f"{tmp_path}/pets: is a file, not a folder"):
        load(tmp_path)


def test_a_size_of_three(tmp_path: Path, refuses) -> None:
    save(tmp_path / "pets" / "cat" / "a.png", Image.new("L", (2, 2)))
    with refuses("data source 'image_folder': size must be height and width, received [2, 2, 3]"):
        load(tmp_path, size=[2, 2, 3])


def test_without_pillow(tmp_path: Path, refuses, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "pets" / "cat" / "a.png", Image.new("L", (2, 2)))
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with refuses(
        "reading images needs Pillow, which is not installed",
        "install it with: pip install 'netwright[images]'",
        EnvironmentProblem,
    ):
        load(tmp_path)
