"""The terminal screen: one worker polls, pure functions present, widgets draw."""
