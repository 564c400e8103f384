"""Reads how values look: units, thresholds, texts in place of values, and overrides, of newer and older files."""

from collections.abc import Callable, Iterator, Mapping
from math import inf
from typing import Any

from lab.dashboards.model import Field, Override, Step, Thresholds, ValueText
from lab.dashboards.untrusted_json import Object, array, line, number, obj, objects, whole, yes

_MOST = 200


def read_field(config: Object) -> Field:
    """The defaults of `fieldConfig`."""
    changes: Any = dict(_changes(_properties(obj(config, "defaults"))))
    return Field(**changes)


def read_overrides(config: Object) -> tuple[Override, ...]:
    """The overrides of `fieldConfig`; a property that changes nothing here is left out."""
    found = []
    for item in list(objects(config.get("overrides")))[:_MOST]:
        options = obj(item, "matcher").get("options")
        names = options.get("names") if isinstance(options, Mapping) else options
        listed = names if isinstance(names, list) else [names]
        properties = [(line(one.get("id")), one.get("value")) for one in objects(item.get("properties"))]
        changes = dict(_changes(properties))
        matcher = line(obj(item, "matcher").get("id"))
        found.append(Override(matcher, tuple(line(name) for name in listed), changes))
    return tuple(found)


def _properties(defaults: Object) -> Iterator[tuple[str, Any]]:
    for name, value in defaults.items():
        if name == "custom":
            yield from ((f"custom.{inner}", given) for inner, given in obj(value).items())
        else:
            yield name, value


def _changes(properties: Any) -> Iterator[tuple[str, object]]:
    for name, value in properties:
        yield from _change(name, value)


def _change(name: str, value: Any) -> Iterator[tuple[str, object]]:
    simple: Mapping[str, tuple[str, Callable[[object], object]]]
    simple = {"unit": ("unit", line), "displayName": ("name", line), "noValue": ("no_value", line),
              "min": ("minimum", number), "max": ("maximum", number)}  # fmt: skip
    if name in simple:
        attribute, read = simple[name]
        yield attribute, read(value)
    elif name == "decimals":
        yield "decimals", None if number(value) is None else whole(value, 0, 0, 12)
    elif name == "thresholds":
        yield "thresholds", read_thresholds(obj(value))
    elif name == "mappings":
        yield "mappings", tuple(_mappings(value))
    elif name == "color":
        yield "color_mode", line(obj(value).get("mode"), "palette-classic")
        yield "color", line(obj(value).get("fixedColor"))
    elif name.startswith("custom."):
        yield from _custom(name.removeprefix("custom."), value)


def _custom(name: str, value: Any) -> Iterator[tuple[str, object]]:
    if name == "stacking":
        yield "stacked", line(obj(value).get("mode")) in {"normal", "percent"}
    elif name == "transform":
        yield "negative", value == "negative-Y"
    elif name == "drawStyle":
        yield "bars", value == "bars"
    elif name == "hideFrom":
        yield "hidden", yes(obj(value).get("viz"))
    elif name == "thresholdsStyle":
        yield "threshold_lines", line(obj(value).get("mode")) not in {"", "off"}
    elif name in {"cellOptions", "displayMode"}:
        kind = line(obj(value).get("type")) or line(value)
        yield "colored", kind.startswith("color-")
    elif name == "scaleDistribution":
        yield "scale", "log" if line(obj(value).get("type")) in {"log", "symlog"} else "linear"


def read_thresholds(given: Object) -> Thresholds:
    """The steps, in ascending order."""
    steps = []
    for item in list(objects(given.get("steps")))[:_MOST]:
        value = number(item.get("value"))
        steps.append(Step(-inf if value is None else value, line(item.get("color"))))
    return Thresholds(tuple(sorted(steps, key=lambda step: step.value)), given.get("mode") == "percentage")


def _mappings(given: object) -> Iterator[ValueText]:
    for item in list(objects(given))[:_MOST]:
        kind, options = item.get("type"), item.get("options")
        if kind == "value":
            for value, result in list(obj(options).items())[:_MOST]:
                yield ValueText(line(obj(result).get("text"), line(value)), _color(result), value=str(value))
        elif kind == "range":
            low, high, result = number(obj(options).get("from")), number(obj(options).get("to")), obj(options, "result")
            yield ValueText(line(result.get("text")), _color(result), low=_or(low, -inf), high=_or(high, inf))
        elif kind == "regex":
            result = obj(options, "result")
            yield ValueText(line(result.get("text")), _color(result), regex=line(obj(options).get("pattern")))
        elif kind == "special":
            result = obj(options, "result")
            yield ValueText(line(result.get("text")), _color(result), special=line(obj(options).get("match")))
        else:
            yield from _old_mapping(item)


def _old_mapping(item: Object) -> Iterator[ValueText]:
    """As Grafana wrote them before version 8: 1 or no type is a value, 2 a range."""
    text = line(item.get("text"))
    if line(item.get("from")) or item.get("type") == 2:
        low, high = number(item.get("from")), number(item.get("to"))
        yield ValueText(text, low=_or(low, -inf), high=_or(high, inf))
    elif item.get("value") == "null":
        yield ValueText(text, special="null")
    elif item.get("value") is not None:
        yield ValueText(text, value=line(item.get("value")))


def _color(result: object) -> str:
    return line(obj(result).get("color"))


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def old_thresholds(values: object, colors: object) -> Thresholds:
    """Of `singlestat` and `gauge` before version 7: "50,80" with three colours."""
    found = [number(part) for part in line(values).split(",") if part.strip()]
    names = [line(color) for color in array(colors)]
    bounds = [-inf, *(bound for bound in found if bound is not None)]
    return Thresholds(tuple(Step(bound, name) for bound, name in zip(bounds, names, strict=False)))
