"""Widgets that draw what `lab.tui.present` gives them."""
