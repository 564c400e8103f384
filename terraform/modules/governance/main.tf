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
  everything = [module.trail_bucket.arn, "${module.trail_bucket.arn}/*"]
}

# --- CloudTrail: who called what on the audit bucket, in a log that shows when it was changed --------------------------
module "trail_key" {
  source   = "../key"
  name     = "${var.name}-trail"
  purpose  = "CloudTrail of ${var.name}"
  services = ["cloudtrail.amazonaws.com", "logs.${local.region}.amazonaws.com"]

  providers = { aws = aws.audit }
}

module "trail_bucket" {
  source         = "../locked_bucket"
  name           = "${var.name}-trail-${local.account}"
  key_arn        = module.trail_key.arn
  retention_days = var.trail_retention_days

  providers = { aws = aws.audit }
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
    resources = [module.trail_bucket.arn]

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
    resources = ["${module.trail_bucket.arn}/AWSLogs/${local.account}/*"]

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
  bucket     = module.trail_bucket.name
  policy     = data.aws_iam_policy_document.trail.json
  depends_on = [module.trail_bucket]
}

resource "aws_cloudtrail" "this" {
  #checkov:skip=CKV2_AWS_10:read from its bucket, with `aws cloudtrail validate-logs`; a copy in CloudWatch could not be validated
  #checkov:skip=CKV_AWS_252:what matters in it alerts by way of the copies of heads
  provider                      = aws.audit
  name                          = var.name
  s3_bucket_name                = module.trail_bucket.name
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

  depends_on = [aws_s3_bucket_policy.trail]
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
