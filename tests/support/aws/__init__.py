"""AWS on this machine, for the tests of terraform/: the emulator, what it lacks, and Terraform run against it."""
