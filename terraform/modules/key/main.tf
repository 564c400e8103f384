data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  use = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
}

# `resources = ["*"]` in a key's policy means this key.
data "aws_iam_policy_document" "this" {
  #checkov:skip=CKV_AWS_109:`*` in a key's policy means this key
  #checkov:skip=CKV_AWS_111:`*` in a key's policy means this key
  #checkov:skip=CKV_AWS_356:`*` in a key's policy means this key
  # The account's own policies decide; without this statement nobody could ever change the key.
  statement {
    sid       = "AccountDecides"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.this.partition}:iam::${data.aws_caller_identity.this.account_id}:root"]
    }
  }

  dynamic "statement" {
    for_each = length(var.services) > 0 ? [1] : []

    content {
      sid       = "Services"
      actions   = local.use
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = var.services
      }

      # Never on behalf of another account.
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [data.aws_caller_identity.this.account_id]
      }
    }
  }

  # CloudWatch Logs names the log group instead of the account.
  dynamic "statement" {
    for_each = toset([for service in var.services : service if startswith(service, "logs.")])

    content {
      sid       = "Logs"
      actions   = local.use
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = [statement.value]
      }

      condition {
        test     = "ArnLike"
        variable = "kms:EncryptionContext:aws:logs:arn"
        values   = ["arn:${data.aws_partition.this.partition}:logs:*:${data.aws_caller_identity.this.account_id}:log-group:*"]
      }
    }
  }

  dynamic "statement" {
    for_each = length(var.user_account_ids) > 0 ? [1] : []

    content {
      sid       = "OtherAccounts"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"]
      resources = ["*"]

      principals {
        type        = "AWS"
        identifiers = [for id in var.user_account_ids : "arn:${data.aws_partition.this.partition}:iam::${id}:root"]
      }
    }
  }
}

resource "aws_kms_key" "this" {
  description             = var.purpose
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.this.json
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}
