mock_provider "aws" {
  source = "./mocks"
}

mock_provider "aws" {
  alias  = "audit"
  source = "./mocks"

  override_data {
    target = data.aws_caller_identity.audit
    values = { account_id = "222222222222" }
  }
}

variables {
  name                 = "mlops-test"
  audit_prefix         = "governance/audit/"
  audit_retention_days = 30
  audit_writers        = ["arn:aws:iam::123456789012:role/mlops-test-run-*"]
  audit_readers        = ["arn:aws:iam::123456789012:role/mlops-test-human-*"]
  audit_checkers       = ["arn:aws:iam::123456789012:role/mlops-test-task-provision"]
}

run "every_bucket_is_closed_and_in_its_account" {
  command = plan

  module {
    source = "../modules/storage"
  }

  providers = {
    aws       = aws
    aws.audit = aws.audit
  }

  assert {
    condition     = endswith(module.audit_bucket.name, "-222222222222")
    error_message = "The audit bucket lies in the account of its provider."
  }

  assert {
    condition     = one(aws_s3_bucket_notification.audit.eventbridge[*]) == true
    error_message = "Every new entry is an event."
  }

  assert {
    condition = alltrue([for block in values(aws_s3_bucket_public_access_block.this) :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ])
    error_message = "Nothing is public."
  }

  assert {
    condition     = alltrue([for versioning in values(aws_s3_bucket_versioning.this) : versioning.versioning_configuration[0].status == "Enabled"])
    error_message = "Every bucket keeps versions."
  }

  assert {
    condition     = keys(aws_s3_bucket_policy.this) == ["artifacts", "data", "logs"]
    error_message = "Every bucket has a policy."
  }

  assert {
    condition     = [for bucket, logging in aws_s3_bucket_logging.this : bucket] == ["artifacts", "data"]
    error_message = "Access is logged, except to the logs."
  }
}

run "a_prefix_ends_in_a_slash" {
  command = plan

  module {
    source = "../modules/storage"
  }

  providers = {
    aws       = aws
    aws.audit = aws.audit
  }

  variables {
    audit_prefix = "/governance"
  }

  expect_failures = [var.audit_prefix]
}
