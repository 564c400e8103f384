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

module "audit_bucket" {
  source         = "../locked_bucket"
  name           = "${var.name}-audit-${data.aws_caller_identity.audit.account_id}"
  key_arn        = module.audit_key.arn
  retention_days = var.audit_retention_days

  providers = { aws = aws.audit }
}

# Every new entry is an event, from which the copies of heads are made.
resource "aws_s3_bucket_notification" "audit" {
  provider    = aws.audit
  bucket      = module.audit_bucket.name
  eventbridge = true
}

locals {
  audit_everything = [module.audit_bucket.arn, "${module.audit_bucket.arn}/*"]
  audit_entries    = ["${module.audit_bucket.arn}/${var.audit_prefix}*"]
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
    resources = ["${module.audit_bucket.arn}/*"]

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
    resources = [module.audit_bucket.arn]

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
    resources = [module.audit_bucket.arn]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:PrincipalArn"
      values   = concat(var.audit_writers, var.audit_readers, var.audit_checkers)
    }
  }
}

resource "aws_s3_bucket_policy" "audit" {
  provider   = aws.audit
  bucket     = module.audit_bucket.name
  policy     = data.aws_iam_policy_document.audit.json
  depends_on = [module.audit_bucket]
}
