"""The page: everything a report says, put into `page.html`.

The template escapes whatever it is given; only drawings, charts and the coloured spec are markup, made from numbers or
by libraries that escape.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from netwright.pictures import draw
from netwright.pictures.network import Network

from . import charts
from .features import MOST_FILTERS, MOST_MAPS, Features
from .generated import Generated
from .inference import Sample
from .record import Epoch, Record
from .results import Classes, Mistake, Numbers
from .tiles import COLUMNS
from .values import Shown, as_picture, data_uri, show, show_alone

if TYPE_CHECKING:
    from markupsafe import Markup

MOST_CLASSES = 30
"""Classes up to which the whole confusion matrix is shown, beyond it only the commonest mistakes."""

LIGHT_CODE, DARK_CODE = "default", "github-dark"


@dataclass(frozen=True)
class Example:
    """A mistake with the values of its row."""

    mistake: Mistake
    values: tuple[Shown, ...]


@dataclass(frozen=True)
class Curve:
    """A metric by epoch."""

    name: str
    picture: Markup


@dataclass(frozen=True)
class Section:
    """A result as the template shows it. `pictures`: charts, for numbers only."""

    result: Classes | Numbers
    examples: tuple[Example, ...]
    pictures: tuple[Markup, ...]

    @property
    def of_classes(self) -> bool:
        return isinstance(self.result, Classes)


@dataclass(frozen=True)
class MapsOfRow:
    """An example and its feature maps in one convolution, as data URIs."""

    row: int
    image: Shown
    maps: str


def render(
    record: Record,
    sample: Sample | None,
    results: Sequence[Classes | Numbers],
    features: Features | None,
    generated: Sequence[Generated],
) -> str:
    """The page as text.

    `sample`, `results` and `features` are what the model was seen to do, none where its data are not known; `generated`
    what it makes of random numbers, if it takes some.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": metric_text, "duration": duration_text, "size": size_text}
    manifest, result = record.bundle.manifest, record.result
    seconds = epoch_seconds(record.epochs)
    return environment.get_template("page.html").render(
        css=_css(),
        name=manifest.name,
        record=record,
        manifest=manifest,
        result=result,
        plan=record.bundle.training_plan(),
        shown_part=next(reversed(result.parts())),
        numbers=[m.name for m in manifest.metrics if not isinstance(result.train.get(m.name), list)],
        parameters=sum(math.prod(s.shape) for s in manifest.state if s.kind == "parameter" and s.trainable),
        curves=_curves(record),
        speed=_markup(charts.speed([e.epoch for e in record.epochs], seconds)) if seconds else None,
        second_of_epoch=statistics.median(seconds) if seconds else None,
        rate=statistics.median(e.rate for e in record.epochs) if record.epochs else None,
        sample=sample,
        sections=[_section(record, sample, item) for item in results] if sample else [],
        most_classes=MOST_CLASSES,
        features=features,
        most_filters=MOST_FILTERS,
        most_maps=MOST_MAPS,
        most_channels=COLUMNS,
        generated=[(each, data_uri(each.picture)) for each in generated],
        filters=data_uri(features.filters) if features else None,
        maps=_maps(record, sample, features) if sample and features else [],
        network=_drawing(record.network) if record.network else None,
        spec=_code(record.spec) if record.spec is not None else None,
        files=record.files(),
    )


def epoch_seconds(epochs: Sequence[Epoch]) -> list[float]:
    """Seconds of each epoch, from times that count from the start of training."""
    ends = [0.0, *(epoch.seconds for epoch in epochs)]
    return [later - earlier for earlier, later in itertools.pairwise(ends)]


def _curves(record: Record) -> list[Curve]:
    """A chart for each metric that is a number, training and validation together."""
    epochs = record.epochs
    if not epochs:
        return []
    pictures = []
    for metric in record.bundle.manifest.metrics:
        lines = {
            "training": [epoch.train.get(metric.name) for epoch in epochs],
            "validation": [(epoch.validation or {}).get(metric.name) for epoch in epochs],
        }
        shown = {
            label: values
            for label, values in lines.items()
            if any(value is not None for value in values) and not any(isinstance(value, list) for value in values)
        }
        if shown:
            numbers = [epoch.epoch for epoch in epochs]
            kept = record.result.best_epoch if record.bundle.training_plan().restore_best else None
            pictures.append(Curve(metric.name, _markup(charts.curve(metric.name, numbers, shown, kept))))
    return pictures


def _section(record: Record, sample: Sample, result: Classes | Numbers) -> Section:
    pictures: tuple[Markup, ...] = ()
    if isinstance(result, Numbers):
        key = result.answer.target.name
        pictures = (
            _markup(charts.scatter(key, result.wanted, result.predicted)),
            _markup(charts.residuals(key, result.wanted, result.predicted)),
        )
    return Section(result, tuple(_example(record, sample, result, m) for m in result.mistakes), pictures)


def _example(record: Record, sample: Sample, result: Classes | Numbers, mistake: Mistake) -> Example:
    features = [field.name for field in record.bundle.manifest.features]
    values = [show(name, sample.columns[name], mistake.index) for name in features]
    if isinstance(result, Numbers) and not mistake.wanted:  # several numbers: show them beside what was given
        answer = result.answer
        if answer.target.name not in features:
            values.append(show(f"true {answer.target.name}", sample.columns[answer.target.name], mistake.index))
        values.append(show_alone(f"predicted {answer.target.name}", sample, answer, mistake.index))
    return Example(mistake, tuple(values))


def _maps(record: Record, sample: Sample, features: Features) -> list[list[MapsOfRow]]:
    """For each convolution of `features` its examples, beside the first feature that can be seen."""
    names = [field.name for field in record.bundle.manifest.features]
    seen = next((name for name in names if as_picture(sample.columns[name]) is not None), names[0])
    return [
        [
            MapsOfRow(int(sample.numbers[row]), show(seen, sample.columns[seen], row), data_uri(picture))
            for row, picture in maps.pictures.items()
        ]
        for maps in features.maps
    ]


def _drawing(network: Network) -> Markup:
    return _markup(ElementTree.tostring(draw(network), encoding="unicode"))


def _code(spec: str) -> Markup:
    """The spec in colours. Pygments escapes it."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import YamlLexer

    return _markup(highlight(spec, YamlLexer(), HtmlFormatter(cssclass="code", wrapcode=True)))


def _css() -> Markup:
    """The page's own rules, and those of the coloured spec for light and dark pages."""
    from pygments.formatters import HtmlFormatter

    own = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    light = HtmlFormatter(style=LIGHT_CODE).get_style_defs(".code")
    dark = HtmlFormatter(style=DARK_CODE).get_style_defs(".code")
    return _markup(f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n{own}")


def _markup(text: str) -> Markup:
    from markupsafe import Markup

    return Markup(text)  # made from numbers, or escaped by the library that made it


def metric_text(value: Any) -> str:
    """Four decimals for ordinary numbers, powers of ten for very small and large ones."""
    if value is None or not math.isfinite(value):
        return "not finite"
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.4f}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−")


def duration_text(seconds: float) -> str:
    """`12 ms`, `3.1 s`, `2 min 5 s`, `1 h 4 min`."""
    if seconds < 0.1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size_text(count: int) -> str:
    """`812 B`, `12.3 kB`, `4.0 MB`."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"
