terraform {
  required_version = ">= 1.11.0, < 2.0.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
      # Accounts of their own for the audit trail, and for the copies of its heads.
      configuration_aliases = [aws.audit, aws.witness]
    }
  }
}
