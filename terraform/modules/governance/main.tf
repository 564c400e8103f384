data "aws_partition" "this" {}

data "aws_region" "audit" {
  provider = aws.audit
}

data "aws_caller_identity" "audit" {
  provider = aws.audit
}

locals {
  account    = data.aws_caller_identity.audit.account_id
  partition  = data.aws_partition.this.partition
  region     = data.aws_region.audit.name
  trail_arn  = "arn:${local.partition}:cloudtrail:${local.region}:${local.account}:trail/${var.name}"
  everything = [aws_s3_bucket.trail.arn, "${aws_s3_bucket.trail.arn}/*"]
}

# --- CloudTrail: who called what on the audit bucket, in a log that shows when it was changed --------------------------
module "trail_key" {
  source   = "../key"
  name     = "${var.name}-trail"
  purpose  = "CloudTrail of ${var.name}"
  services = ["cloudtrail.amazonaws.com", "logs.${local.region}.amazonaws.com"]

  providers = { aws = aws.audit }
}

resource "aws_s3_bucket" "trail" {
  #checkov:skip=CKV_AWS_144:one region: the digests of its log files, kept elsewhere, prove them
  #checkov:skip=CKV_AWS_18:access to it is itself recorded by the trail
  #checkov:skip=CKV2_AWS_62:nothing waits for events of this bucket
  #checkov:skip=CKV_AWS_145:encrypted by aws_s3_bucket_server_side_encryption_configuration.trail with a key of its own
  provider            = aws.audit
  bucket              = "${var.name}-trail-${local.account}"
  object_lock_enabled = true
  force_destroy       = false
}

resource "aws_s3_bucket_versioning" "trail" {
  provider = aws.audit
  bucket   = aws_s3_bucket.trail.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "trail" {
  provider = aws.audit
  bucket   = aws_s3_bucket.trail.id

  rule {
    default_retention {
      mode = "COMPLIANCE"
      days = var.trail_retention_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.trail]
}

resource "aws_s3_bucket_server_side_encryption_configuration" "trail" {
  provider = aws.audit
  bucket   = aws_s3_bucket.trail.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = module.trail_key.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "trail" {
  provider                = aws.audit
  bucket                  = aws_s3_bucket.trail.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "trail" {
  provider = aws.audit
  bucket   = aws_s3_bucket.trail.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "trail" {
  provider = aws.audit
  bucket   = aws_s3_bucket.trail.id

  rule {
    id     = "tidy"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.trail]
}

data "aws_iam_policy_document" "trail" {
  statement {
    sid       = "DenyPlainHttp"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = local.everything

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  statement {
    sid       = "TrailLooks"
    actions   = ["s3:GetBucketAcl"]
    resources = [aws_s3_bucket.trail.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [local.trail_arn]
    }
  }

  statement {
    sid       = "TrailWrites"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.trail.arn}/AWSLogs/${local.account}/*"]

    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [local.trail_arn]
    }
  }
}

resource "aws_s3_bucket_policy" "trail" {
  provider   = aws.audit
  bucket     = aws_s3_bucket.trail.id
  policy     = data.aws_iam_policy_document.trail.json
  depends_on = [aws_s3_bucket_public_access_block.trail]
}

resource "aws_cloudtrail" "this" {
  #checkov:skip=CKV2_AWS_10:read from its bucket, with `aws cloudtrail validate-logs`; a copy in CloudWatch could not be validated
  #checkov:skip=CKV_AWS_252:what matters in it alerts by way of the copies of heads
  provider                      = aws.audit
  name                          = var.name
  s3_bucket_name                = aws_s3_bucket.trail.id
  kms_key_id                    = module.trail_key.arn
  is_multi_region_trail         = true
  include_global_service_events = true
  enable_log_file_validation    = true

  event_selector {
    read_write_type           = "All"
    include_management_events = true

    data_resource {
      type   = "AWS::S3::Object"
      values = ["${var.audit_bucket.arn}/"]
    }
  }

  depends_on = [aws_s3_bucket_policy.trail, aws_s3_bucket_object_lock_configuration.trail]
}

# --- Cost --------------------------------------------------------------------------------------------------------------
resource "aws_budgets_budget" "month" {
  name         = var.name
  budget_type  = "COST"
  limit_amount = tostring(var.budget.monthly_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      notification_type         = notification.key
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      comparison_operator       = "GREATER_THAN"
      subscriber_sns_topic_arns = [var.budget.alert_topic_arn]
    }
  }
}
