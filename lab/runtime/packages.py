"""The servers that come from outside Python's registries: their programs, Debian packages and upstream releases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_GITHUB = "https://github.com/prometheus/{0}/releases/download/v{{version}}/"


@dataclass(frozen=True)
class Release:
    """An upstream archive. `{platform}` in the URLs is e.g. linux-amd64.

    Where `pins` has no SHA-256 for a platform, the one that upstream publishes beside the archive is asked for: that
    finds a broken download, but trusts whoever serves both.
    """

    version: str
    url: str
    sums_url: str
    pins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Package:
    """Where a server comes from. `programs` gives each program's names, Debian's last."""

    name: str
    programs: Mapping[str, Sequence[str]]
    deb: str = ""
    release: Release | None = None


PROMETHEUS = Package(
    "prometheus",
    {"prometheus": ("prometheus",), "promtool": ("promtool",)},
    deb="prometheus",
    release=Release(
        "3.5.0",
        _GITHUB.format("prometheus") + "prometheus-{version}.{platform}.tar.gz",
        _GITHUB.format("prometheus") + "sha256sums.txt",
        {
            "linux-amd64": "e811827af26d822afb09a4f28314f61b618b12cff5369835a67f674d8b46f39a",
            "linux-arm64": "173389cc42bf09c4e6e54cb53fa07a5a835d7c261e14775d2183181d6e385d1c",
        },
    ),
)
ALERTMANAGER = Package(
    "alertmanager",
    {"alertmanager": ("alertmanager", "prometheus-alertmanager"), "amtool": ("amtool",)},
    deb="prometheus-alertmanager",
    release=Release(
        "0.28.1",
        _GITHUB.format("alertmanager") + "alertmanager-{version}.{platform}.tar.gz",
        _GITHUB.format("alertmanager") + "sha256sums.txt",
        {
            "linux-amd64": "5ac7ab5e4b8ee5ce4d8fb0988f9cb275efcc3f181b4b408179fafee121693311",
            "linux-arm64": "d8832540e5b9f613d2fd759e31d603173b9c61cc7bb5e3bc7ae2f12038b1ce4f",
        },
    ),
)
GRAFANA = Package(
    "grafana",
    {"grafana": ("grafana", "grafana-server")},
    release=Release(
        "12.1.0",
        "https://dl.grafana.com/oss/release/grafana-{version}.{platform}.tar.gz",
        "https://dl.grafana.com/oss/release/grafana-{version}.{platform}.tar.gz.sha256",
    ),
)
