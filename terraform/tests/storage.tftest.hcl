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
}

run "nobody_shortens_the_audit_trail" {
  command = plan

  module {
    source = "../modules/storage"
  }

  providers = {
    aws       = aws
    aws.audit = aws.audit
  }

  assert {
    condition = (
      aws_s3_bucket.audit.object_lock_enabled && !aws_s3_bucket.audit.force_destroy
      && aws_s3_bucket_object_lock_configuration.audit.rule[0].default_retention[0].mode == "COMPLIANCE"
      && aws_s3_bucket_object_lock_configuration.audit.rule[0].default_retention[0].days == 30
    )
    error_message = "The audit bucket is locked in compliance mode, and never emptied by Terraform."
  }

  assert {
    condition     = endswith(aws_s3_bucket.audit.bucket, "-222222222222")
    error_message = "The audit bucket lies in the account of its provider."
  }

  assert {
    condition     = one(aws_s3_bucket_notification.audit.eventbridge[*]) == true
    error_message = "Every new entry is an event."
  }
}

run "every_bucket_is_closed" {
  command = plan

  module {
    source = "../modules/storage"
  }

  providers = {
    aws       = aws
    aws.audit = aws.audit
  }

  assert {
    condition = alltrue([for block in concat(values(aws_s3_bucket_public_access_block.this), [aws_s3_bucket_public_access_block.audit]) :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ])
    error_message = "Nothing is public."
  }

  assert {
    condition     = alltrue([for versioning in concat(values(aws_s3_bucket_versioning.this), [aws_s3_bucket_versioning.audit]) : versioning.versioning_configuration[0].status == "Enabled"])
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
