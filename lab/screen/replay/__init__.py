"""A recording on the screen: what plays it, and the line that shows where one is."""
