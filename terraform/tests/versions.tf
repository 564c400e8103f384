# Tests of the modules' logic, without any account: `terraform test` in this folder, or `invoke tf-test`.
terraform {
  required_version = ">= 1.11.0, < 2.0.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}
