terraform {
  required_version = ">= 1.11.0, < 2.0.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
      # The audit bucket may live in an account of its own.
      configuration_aliases = [aws.audit]
    }
  }
}
