"""Dashboards on the screen: the board of panels, its application, and what it asks a person."""
