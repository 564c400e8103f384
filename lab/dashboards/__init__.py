"""Grafana dashboards as values: read, planned, drawn as lines of text; nothing here reaches a server or a widget."""
