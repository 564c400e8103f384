# The audit trail. In prod it lies in an account of its own, whose administrators are not those of the lab.
data "aws_caller_identity" "audit" {
  provider = aws.audit
}

module "audit_key" {
  source           = "../key"
  name             = "${var.name}-audit"
  purpose          = "Audit trail of ${var.name}"
  user_account_ids = [local.account_id]

  providers = { aws = aws.audit }
}

resource "aws_s3_bucket" "audit" {
  #checkov:skip=CKV_AWS_144:one region: an export of the trail verifies anywhere, and is what is kept elsewhere
  #checkov:skip=CKV_AWS_18:CloudTrail records every call on this bucket, with log-file validation, which access logs don't have
  #checkov:skip=CKV_AWS_145:encrypted by aws_s3_bucket_server_side_encryption_configuration.audit with the account's own key
  provider            = aws.audit
  bucket              = "${var.name}-audit-${data.aws_caller_identity.audit.account_id}"
  object_lock_enabled = true
  force_destroy       = false
}

resource "aws_s3_bucket_versioning" "audit" {
  provider = aws.audit
  bucket   = aws_s3_bucket.audit.id

  versioning_configuration {
    status = "Enabled"
  }
}

# Compliance, not governance: no permission, and no root user, shortens it.
resource "aws_s3_bucket_object_lock_configuration" "audit" {
  provider = aws.audit
  bucket   = aws_s3_bucket.audit.id

  rule {
    default_retention {
      mode = "COMPLIANCE"
      days = var.audit_retention_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.audit]
}

resource "aws_s3_bucket_server_side_encryption_configuration" "audit" {
  provider = aws.audit
  bucket   = aws_s3_bucket.audit.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = module.audit_key.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "audit" {
  provider                = aws.audit
  bucket                  = aws_s3_bucket.audit.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "audit" {
  provider = aws.audit
  bucket   = aws_s3_bucket.audit.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "audit" {
  provider = aws.audit
  bucket   = aws_s3_bucket.audit.id

  rule {
    id     = "tidy"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.audit]
}

# Every new entry is an event, from which the copies of heads are made.
resource "aws_s3_bucket_notification" "audit" {
  provider    = aws.audit
  bucket      = aws_s3_bucket.audit.id
  eventbridge = true
}

locals {
  audit_everything = [aws_s3_bucket.audit.arn, "${aws_s3_bucket.audit.arn}/*"]
  audit_entries    = ["${aws_s3_bucket.audit.arn}/${var.audit_prefix}*"]
}

data "aws_iam_policy_document" "audit" {
  statement {
    sid       = "DenyPlainHttp"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = local.audit_everything

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

  # Object Lock keeps what is written; this keeps anybody from even trying, before and after its days.
  statement {
    sid    = "DenyDestruction"
    effect = "Deny"
    actions = [
      "s3:BypassGovernanceRetention",
      "s3:DeleteObject",
      "s3:DeleteObjectTagging",
      "s3:DeleteObjectVersion",
      "s3:DeleteObjectVersionTagging",
      "s3:ObjectOwnerOverrideToBucketOwner",
      "s3:PutObjectLegalHold",
      "s3:PutObjectRetention",
      "s3:ReplicateDelete",
    ]
    resources = local.audit_everything

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
  }

  # A number is taken once: an object is written only where there is none of its name.
  statement {
    sid       = "DenyOverwrite"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.audit.arn}/*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Null"
      variable = "s3:if-none-match"
      values   = ["true"]
    }

    # Parts of a large object carry no such header; the call that completes it does.
    condition {
      test     = "Bool"
      variable = "s3:ObjectCreationOperation"
      values   = ["true"]
    }
  }

  # The bucket's own settings are for the account that holds it.
  statement {
    sid    = "DenySettingsToOthers"
    effect = "Deny"
    actions = [
      "s3:DeleteBucket",
      "s3:DeleteBucketPolicy",
      "s3:PutBucketObjectLockConfiguration",
      "s3:PutBucketPolicy",
      "s3:PutBucketVersioning",
      "s3:PutEncryptionConfiguration",
      "s3:PutLifecycleConfiguration",
      "s3:PutReplicationConfiguration",
    ]
    resources = [aws_s3_bucket.audit.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "StringNotEquals"
      variable = "aws:PrincipalAccount"
      values   = [data.aws_caller_identity.audit.account_id]
    }
  }

  # Roles are matched by name, so that the bucket can be there before them.
  statement {
    sid       = "Append"
    actions   = ["s3:PutObject"]
    resources = local.audit_entries

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:PrincipalArn"
      values   = var.audit_writers
    }
  }

  statement {
    sid       = "Read"
    actions   = ["s3:GetObject", "s3:GetObjectRetention", "s3:GetObjectVersion"]
    resources = local.audit_entries

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:PrincipalArn"
      values   = concat(var.audit_writers, var.audit_readers)
    }
  }

  statement {
    sid       = "List"
    actions   = ["s3:GetBucketObjectLockConfiguration", "s3:GetBucketVersioning", "s3:ListBucket", "s3:ListBucketVersions"]
    resources = [aws_s3_bucket.audit.arn]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:PrincipalArn"
      values   = concat(var.audit_writers, var.audit_readers)
    }
  }
}

resource "aws_s3_bucket_policy" "audit" {
  provider   = aws.audit
  bucket     = aws_s3_bucket.audit.id
  policy     = data.aws_iam_policy_document.audit.json
  depends_on = [aws_s3_bucket_public_access_block.audit]
}
