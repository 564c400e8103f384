"""Values as people read them, by Grafana's names of units."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from math import floor, isfinite, isinf, log10

NOTHING = "–"
_SHORT = ("", " K", " Mil", " Bil", " Tri", " Quadr")
_SI = ("", "k", "M", "G", "T", "P", "E")
_IEC = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_SMALL = ("", "m", "µ", "n", "p", "f")
# Scaled by 1024 or 1000; what follows the prefix.
BINARY = {"bytes": "B", "bits": "b", "binBps": "B/s", "binbps": "b/s"}
_DECIMAL = {
    "decbytes": "B", "decbits": "b", "Bps": "B/s", "bps": "b/s", "hertz": "Hz", "watt": "W", "watth": "Wh",
    "joule": "J",
    "volt": "V", "amp": "A", "voltamp": "VA", "ohm": "Ω", "farad": "F", "henry": "H", "pps": "p/s", "lengthm": "m",
    "massg": "g", "litre": "L", "flops": "FLOPS", "electronvolt": "eV", "pressurepa": "Pa", "radsv": "Sv",
}  # fmt: skip
_SCALED = {"kbytes": ("bytes", 1024), "mbytes": ("bytes", 1024**2), "gbytes": ("bytes", 1024**3),
           "tbytes": ("bytes", 1024**4), "deckbytes": ("decbytes", 1000), "decmbytes": ("decbytes", 1e6),
           "decgbytes": ("decbytes", 1e9), "KBs": ("Bps", 1000), "MBs": ("Bps", 1e6), "GBs": ("Bps", 1e9),
           "Kbits": ("bps", 1000), "Mbits": ("bps", 1e6), "Gbits": ("bps", 1e9), "KiBs": ("binBps", 1024),
           "MiBs": ("binBps", 1024**2), "GiBs": ("binBps", 1024**3), "kwatt": ("watt", 1000), "mvolt": ("volt", 1e-3),
           "kvolt": ("volt", 1000), "rothz": ("hertz", 1), "lengthkm": ("lengthm", 1000), "lengthmm": ("lengthm", 1e-3),
           "masskg": ("massg", 1000)}  # fmt: skip
# Counted by thousands, as `short`, with what is counted per time.
_COUNTED = {
    "cps": " c/s", "ops": " ops/s", "reqps": " req/s", "rps": " rd/s", "wps": " wr/s", "iops": " io/s", "eps": " evt/s",
    "mps": " msg/s", "recps": " rec/s", "rowsps": " rows/s", "cpm": " c/m", "opm": " ops/m", "reqpm": " req/m",
    "rpm": " rd/m", "wpm": " wr/m",
}  # fmt: skip
_PLAIN = {
    "percent": "%", "celsius": " °C", "fahrenheit": " °F", "kelvin": " K", "humidity": " %H", "rotrpm": " rpm",
    "dB": " dB", "dBm": " dBm", "degree": "°", "ppm": " ppm", "pressurebar": " bar", "pressurehpa": " hPa", "x": "x",
    "candela": " cd", "lux": " lx",
}  # fmt: skip
_STATES = {"bool": ("False", "True"), "bool_yes_no": ("No", "Yes"), "bool_on_off": ("Off", "On")}
_MONEY = {"currencyUSD": "$", "currencyEUR": "€", "currencyGBP": "£", "currencyJPY": "¥"}
SECONDS = {"ns": 1e-9, "µs": 1e-6, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0,
            "dtdurations": 1.0, "dtdurationms": 1e-3, "dthms": 1.0, "dtdhms": 1.0, "timeticks": 0.01, "clocks": 1.0,
            "clockms": 1e-3}  # fmt: skip
_TIMES = ((31_536_000.0, "year"), (2_592_000.0, "month"), (604_800.0, "week"), (86_400.0, "day"), (3600.0, "hour"),
          (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))  # fmt: skip
_DATES = {"dateTimeAsIso": "%Y-%m-%d %H:%M:%S", "dateTimeAsIsoNoDateIfToday": "%Y-%m-%d %H:%M:%S",
          "dateTimeAsUS": "%m/%d/%Y %I:%M:%S %p", "dateTimeAsUSNoDateIfToday": "%m/%d/%Y %I:%M:%S %p",
          "dateTimeAsLocal": "%Y-%m-%d %H:%M:%S", "dateTimeAsSystem": "%Y-%m-%d %H:%M:%S",
          "dateTimeAsLocalNoDateIfToday": "%Y-%m-%d %H:%M:%S"}  # fmt: skip


def shown(
    value: float | None, unit: str = "", decimals: int | None = None, zone: tzinfo | None = UTC, now: float = 0.0
) -> str:
    """A value with its unit. `decimals` None takes as many as say something; `now` is for units that count from it."""
    if value is None or value != value:
        return NOTHING
    if isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if unit in _DATES or unit == "dateTimeFromNow" or unit.startswith("time:"):
        return _date(value, unit, zone, now)
    if unit in _SCALED:
        base, factor = _SCALED[unit]
        return shown(value * factor, base, decimals)
    for known, draw in ((BINARY, _binary), (_DECIMAL, _decimal)):
        if unit in known:
            return draw(value, known[unit], decimals)
    return _counted(value, unit, decimals)


def _counted(value: float, unit: str, decimals: int | None) -> str:
    if unit in {"", "none"}:
        return number(value, decimals)
    if unit in {"short", *_COUNTED}:
        return _prefixed(value, 1000, _SHORT, decimals) + _COUNTED.get(unit, "")
    if unit in _PLAIN:
        return number(value, decimals) + _PLAIN[unit]
    if unit == "percentunit":
        return number(value * 100, decimals) + "%"
    if unit in SECONDS:
        return _time(value * SECONDS[unit], unit, decimals)
    if unit in _STATES:
        return _STATES[unit][bool(value)]
    if unit in _MONEY:
        return _MONEY[unit] + _prefixed(value, 1000, _SHORT, decimals)
    return _odd(value, unit, decimals)


def _odd(value: float, unit: str, decimals: int | None) -> str:
    """Units that a person made up, and a few rare ones; one that isn't known stands behind the value."""
    form, colon, body = unit.partition(":")
    if colon and form == "prefix":
        return body + number(value, decimals)
    if colon and form == "si":
        return _decimal(value, body, decimals)
    if colon and form in {"suffix", "count", "currency"}:
        return f"{number(value, decimals)} {body}"
    if unit == "sci":
        return f"{value:.{2 if decimals is None else decimals}e}"
    if unit in {"hex", "hex0x"}:
        return f"{'0x' if unit == 'hex0x' else ''}{round(value):X}"
    if unit == "locale":
        return f"{value:,.{0 if value == int(value) else 2}f}"
    return f"{number(value, decimals)} {unit}"


def _binary(value: float, name: str, decimals: int | None) -> str:
    return _spaced(value, 1024, _IEC, name, decimals)


def _decimal(value: float, name: str, decimals: int | None) -> str:
    if 0 < abs(value) < 0.1 and name in {"W", "V", "A", "s", "F", "H", "m", "g"}:
        step = min(-floor(log10(abs(value)) / 3), len(_SMALL) - 1)
        return f"{number(value * 1000**step, decimals)} {_SMALL[step]}{name}"
    return _spaced(value, 1000, _SI, name, decimals)


def _spaced(value: float, base: int, prefixes: Sequence[str], name: str, decimals: int | None) -> str:
    scaled, prefix = _scale(value, base, prefixes)
    return f"{number(scaled, decimals)} {prefix}{name}"


def _prefixed(value: float, base: int, prefixes: Sequence[str], decimals: int | None) -> str:
    scaled, prefix = _scale(value, base, prefixes)
    return number(scaled, decimals) + prefix


def _scale(value: float, base: int, prefixes: Sequence[str]) -> tuple[float, str]:
    step = 0
    # What would be rounded up to the base belongs to the next prefix.
    while abs(value) >= base * 0.99995 and step < len(prefixes) - 1:
        value, step = value / base, step + 1
    return value, prefixes[step]


def number(value: float, decimals: int | None = None) -> str:
    """A plain number, with as many decimals as say something."""
    if not isfinite(value):
        return shown(value)
    if decimals is None:
        size = abs(value)
        decimals = 0 if size >= 100 or size == 0 else 1 if size >= 10 else 2 if size >= 0.1 else 3
        if 0 < size < 0.001:
            return f"{value:.2g}"
        text = f"{value:.{decimals}f}"
        return _unsigned(text.rstrip("0").rstrip(".") if "." in text else text)
    return _unsigned(f"{value:.{decimals}f}")


def _unsigned(text: str) -> str:
    """Nothing has no sign, also when it was rounded to nothing."""
    return text if text.strip("-0.") else text.lstrip("-")


def _time(seconds: float, unit: str, decimals: int | None) -> str:
    if unit in {"dthms", "dtdhms", "clocks", "clockms"}:
        return _clock(seconds, days=unit == "dtdhms")
    size = abs(seconds)
    if size == 0:
        return f"0 {unit if unit in {'ns', 'µs', 'ms', 's'} else 's'}"
    for length, name in _TIMES:
        if size >= length * 0.99995 or name == "ns":
            plural = "s" if name in {"year", "month", "week", "day", "hour"} and size / length >= 1.005 else ""
            return f"{number(seconds / length, decimals)} {name}{plural}"
    raise AssertionError


def _clock(seconds: float, days: bool) -> str:
    sign, whole = "-" if seconds < 0 else "", round(abs(seconds))
    ahead = f"{whole // 86_400} d " if days and whole >= 86_400 else ""
    hours = whole % 86_400 // 3600 if days else whole // 3600
    return f"{sign}{ahead}{hours:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def _date(milliseconds: float, unit: str, zone: tzinfo | None, now: float) -> str:
    seconds = milliseconds / 1000
    if unit == "dateTimeFromNow":
        ahead = seconds > now
        text = _time(abs(seconds - now), "s", 0)
        return f"in {text}" if ahead else f"{text} ago"
    try:
        at = datetime.fromtimestamp(seconds, zone)
        today = datetime.fromtimestamp(now, zone).date()
    except (ValueError, OverflowError, OSError):
        return NOTHING
    if unit.startswith("time:"):
        return at.strftime(_strftime(unit.removeprefix("time:")))
    form = _DATES[unit]
    return at.strftime(form.split(" ", 1)[1] if unit.endswith("IfToday") and at.date() == today else form)


_MOMENT: Mapping[str, str] = {"YYYY": "%Y", "YY": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "DD": "%d", "dddd": "%A",
                              "ddd": "%a", "HH": "%H", "hh": "%I", "mm": "%M", "ss": "%S", "A": "%p"}  # fmt: skip


def _strftime(form: str) -> str:
    pattern = "|".join(sorted(_MOMENT, key=len, reverse=True))
    return re.sub(pattern, lambda found: _MOMENT[found[0]], form.replace("%", "%%"))
