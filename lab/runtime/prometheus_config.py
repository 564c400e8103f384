"""Prometheus' configuration as text: a job per service, named as in the catalogue."""

import json
from collections.abc import Mapping
from pathlib import PurePath

# A user, and a password or the file that holds it.
Login = tuple[str, str | PurePath]
# Short enough that a change shows at once; the rules' `for` keeps a single missed scrape from alarming.
INTERVAL = "5s"


def render(
    targets: Mapping[str, str],
    rules_file: str,
    alertmanager: str | None,
    logins: Mapping[str, Login] | None = None,
    paths: Mapping[str, str] | None = None,
    *,
    lab: str,
) -> str:
    """The file for `targets` (host:port by service name) and the rules at `rules_file`, an absolute path.

    `alertmanager` is its host:port, None where there is none; `logins` are user and password by service name, `paths`
    are where metrics aren't under /metrics; `lab` is the lab's name, which alerts carry, because several
    labs may have one receiver. The text doesn't depend on the order of `targets`.
    """
    known = logins or {}
    lines = [
        "global:",
        f"  scrape_interval: {INTERVAL}",
        f"  scrape_timeout: {INTERVAL}",
        f"  evaluation_interval: {INTERVAL}",
        f"rule_files: [{_quoted(rules_file)}]",
    ]
    if alertmanager:
        lines += ["alerting:", "  alertmanagers:", f"    - static_configs: [{{targets: [{_quoted(alertmanager)}]}}]"]
        lines += _login(known.get("alertmanager"), "      ")
        lines.append(f"  alert_relabel_configs: [{{target_label: lab, replacement: {_quoted(lab)}}}]")
    lines.append("scrape_configs:" if targets else "scrape_configs: []")
    for name in sorted(targets):
        lines += [f"  - job_name: {_quoted(name)}", f"    static_configs: [{{targets: [{_quoted(targets[name])}]}}]"]
        if name in (paths or {}):
            lines.append(f"    metrics_path: {_quoted((paths or {})[name])}")
        lines += _login(known.get(name), "    ")
    return "\n".join(lines) + "\n"


def _login(login: Login | None, indent: str) -> list[str]:
    if login is None:
        return []
    user, password = login
    key = "password_file" if isinstance(password, PurePath) else "password"
    return [f"{indent}basic_auth: {{username: {_quoted(user)}, {key}: {_quoted(str(password))}}}"]


def _quoted(text: str) -> str:
    # JSON's strings are YAML's double-quoted ones.
    return json.dumps(text)
