"""What a person has set for their own screen: keys, columns, layout, commands."""
