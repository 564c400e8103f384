"""The servers that come from outside Python's registries: their programs, Debian packages and upstream releases.

The versions are those of stack/images.env; docs/compose.md says how both are renewed.
"""

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
        "3.13.4",
        _GITHUB.format("prometheus") + "prometheus-{version}.{platform}.tar.gz",
        _GITHUB.format("prometheus") + "sha256sums.txt",
        {
            "linux-amd64": "87f21a66f96c597a189cef8d640e8921b621fc17a9feff707c332c4f3b3ddd56",
        },
    ),
)
ALERTMANAGER = Package(
    "alertmanager",
    {"alertmanager": ("alertmanager", "prometheus-alertmanager"), "amtool": ("amtool",)},
    deb="prometheus-alertmanager",
    release=Release(
        "0.34.1",
        _GITHUB.format("alertmanager") + "alertmanager-{version}.{platform}.tar.gz",
        _GITHUB.format("alertmanager") + "sha256sums.txt",
        {
            "linux-amd64": "265b9d1e55ef0d5306a436018af6d2b686c2ce051f03d968f7464ecb1372a7e8",
            "linux-arm64": "d98d6cbaf52151c7e76e24355fec88b11cebcb9875d4cdd8b76ddce7a7e5535c",
        },
    ),
)
GRAFANA = Package(
    "grafana",
    {"grafana": ("grafana", "grafana-server")},
    release=Release(
        "13.2.3",
        "https://dl.grafana.com/oss/release/grafana-{version}.{platform}.tar.gz",
        "https://dl.grafana.com/oss/release/grafana-{version}.{platform}.tar.gz.sha256",
        {
            "linux-amd64": "6107ad27016296aac38e0d7ffa8753ab540b5541ad27e94790f771289d733235",
            "linux-arm64": "a2a41b960ba4c25e83140484e48813730d3c81891a128439a2a9d2df6eb3840e",
        },
    ),
)
