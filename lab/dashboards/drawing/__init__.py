"""Panels as lines of text: pieces with a look, colours, axes, and a module for each kind of panel."""
