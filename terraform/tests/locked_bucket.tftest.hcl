mock_provider "aws" {
  source = "./mocks"
}

run "nobody_shortens_its_lock" {
  command = plan

  module {
    source = "../modules/locked_bucket"
  }

  variables {
    name           = "mlops-test"
    key_arn        = "arn:aws:kms:eu-west-1:123456789012:key/mock"
    retention_days = 30
  }

  assert {
    condition = (
      aws_s3_bucket.this.object_lock_enabled && !aws_s3_bucket.this.force_destroy
      && aws_s3_bucket_object_lock_configuration.this.rule[0].default_retention[0].mode == "COMPLIANCE"
      && aws_s3_bucket_object_lock_configuration.this.rule[0].default_retention[0].days == 30
    )
    error_message = "It is locked in compliance mode, and never emptied by Terraform."
  }

  assert {
    condition = (
      aws_s3_bucket_public_access_block.this.block_public_acls && aws_s3_bucket_public_access_block.this.block_public_policy
      && aws_s3_bucket_public_access_block.this.ignore_public_acls && aws_s3_bucket_public_access_block.this.restrict_public_buckets
    )
    error_message = "Nothing is public."
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "It keeps versions."
  }
}
