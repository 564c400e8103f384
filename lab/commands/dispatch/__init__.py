"""How a command is reached and ended: subcommands, options, the process that does the screen's actions, exit codes."""
