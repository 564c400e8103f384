terraform {
  required_version = ">= 1.11.0, < 2.0.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
      # The trail lies beside the audit bucket, the copies of heads with somebody else again.
      configuration_aliases = [aws.audit, aws.witness]
    }
  }
}
