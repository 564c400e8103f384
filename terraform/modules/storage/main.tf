data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  account_id = data.aws_caller_identity.this.account_id
  partition  = data.aws_partition.this.partition
  # Those with a key of their own; the load balancer can write its logs under S3's key only.
  encrypted = toset(["data", "artifacts"])
  buckets   = toset(["data", "artifacts", "logs"])
}

module "key" {
  source   = "../key"
  for_each = local.encrypted
  name     = "${var.name}-${each.key}"
  purpose  = "Bucket of ${each.key}"
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_144:one region: what must outlive it is copied by AWS Backup, which is left for later
  #checkov:skip=CKV2_AWS_62:nothing waits for events of these buckets; the audit bucket has them
  #checkov:skip=CKV_AWS_145:data and artifacts have a KMS key each; the load balancer can't write its logs under one
  #checkov:skip=CKV_AWS_18:data and artifacts are logged into the bucket of logs, which isn't logged into itself
  for_each      = local.buckets
  bucket        = "${var.name}-${each.key}-${local.account_id}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.this[each.key].id

  rule {
    bucket_key_enabled = contains(local.encrypted, each.key)

    apply_server_side_encryption_by_default {
      sse_algorithm     = contains(local.encrypted, each.key) ? "aws:kms" : "AES256"
      kms_master_key_id = contains(local.encrypted, each.key) ? module.key[each.key].arn : null
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each                = local.buckets
  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.this[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.this[each.key].id

  rule {
    id     = "tidy"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = 90
    }

    dynamic "expiration" {
      for_each = each.key == "logs" ? [var.log_expiry_days] : []

      content {
        days = expiration.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

data "aws_iam_policy_document" "this" {
  for_each = local.buckets

  statement {
    sid       = "DenyPlainHttp"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.this[each.key].arn, "${aws_s3_bucket.this[each.key].arn}/*"]

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

  dynamic "statement" {
    for_each = each.key == "logs" ? { S3 = "logging.s3", LoadBalancer = "logdelivery.elasticloadbalancing" } : {}

    content {
      sid       = "${statement.key}Delivery"
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.this[each.key].arn}/*"]

      principals {
        type        = "Service"
        identifiers = ["${statement.value}.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account_id]
      }
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each   = local.buckets
  bucket     = aws_s3_bucket.this[each.key].id
  policy     = data.aws_iam_policy_document.this[each.key].json
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_logging" "this" {
  for_each      = setsubtract(local.buckets, ["logs"])
  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "s3/${each.key}/"
  depends_on    = [aws_s3_bucket_policy.this]
}
