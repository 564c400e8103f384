"""Widgets that draw what `lab.views` gives them."""
