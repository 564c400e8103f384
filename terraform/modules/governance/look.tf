# Roles that see how everything here is set, and read nothing that lies in it: for workflows that plan or look for drift.

data "aws_caller_identity" "witness" {
  provider = aws.witness
}

data "aws_caller_identity" "this" {}

locals {
  witness        = data.aws_caller_identity.witness.account_id
  witness_region = data.aws_region.witness.name
  # What reading a key, a rule and a role means to Terraform, in either account.
  looks = { for where, at in { audit = { account = local.account, region = local.region }, witness = { account = local.witness, region = local.witness_region } } : where => [
    { actions = ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"], resources = ["arn:${local.partition}:kms:${at.region}:${at.account}:key/*"] },
    { actions = ["events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule"], resources = ["arn:${local.partition}:events:${at.region}:${at.account}:rule/*"] },
    {
      actions   = ["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"]
      resources = ["arn:${local.partition}:iam::${at.account}:role/${var.name}-*"]
    },
    # These know no resources.
    { actions = ["kms:ListAliases"], resources = ["*"] },
  ] }
  looks_audit = concat(local.looks.audit, [
    {
      # Settings of the buckets; HeadBucket is ListBucket to IAM.
      actions = [
        "s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration",
        "s3:GetReplicationConfiguration", "s3:ListBucket",
      ]
      resources = [var.audit_bucket.arn, module.trail_bucket.arn]
    },
    { actions = ["cloudtrail:GetEventSelectors", "cloudtrail:GetInsightSelectors", "cloudtrail:GetTrailStatus", "cloudtrail:ListTags"], resources = [local.trail_arn] },
    { actions = ["cloudtrail:DescribeTrails"], resources = ["*"] },
  ])
  looks_witness = concat(local.looks.witness, [
    {
      actions = ["events:DescribeArchive", "events:DescribeEventBus", "events:ListTagsForResource"]
      resources = [
        aws_cloudwatch_event_bus.heads.arn,
        "arn:${local.partition}:events:${local.witness_region}:${local.witness}:archive/${var.name}-heads",
      ]
    },
    { actions = ["logs:ListTagsForResource"], resources = [aws_cloudwatch_log_group.heads.arn] },
    { actions = ["logs:DescribeLogGroups", "logs:DescribeResourcePolicies"], resources = ["*"] },
  ])
}

# Roles of the lab's account are matched by name: they are made after these.
data "aws_iam_policy_document" "look_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${data.aws_caller_identity.this.account_id}:root"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = var.lookers
    }
  }
}

data "aws_iam_policy_document" "look_audit" {
  #checkov:skip=CKV_AWS_356:lists of keys and trails know no resources
  dynamic "statement" {
    for_each = local.looks_audit

    content {
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }
}

data "aws_iam_policy_document" "look_witness" {
  #checkov:skip=CKV_AWS_356:lists of keys and log groups know no resources
  dynamic "statement" {
    for_each = local.looks_witness

    content {
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }
}

resource "aws_iam_role" "look_audit" {
  provider             = aws.audit
  name                 = "${var.name}-look-audit"
  assume_role_policy   = data.aws_iam_policy_document.look_trust.json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "look_audit" {
  provider = aws.audit
  name     = "look"
  role     = aws_iam_role.look_audit.id
  policy   = data.aws_iam_policy_document.look_audit.json
}

resource "aws_iam_role" "look_witness" {
  provider             = aws.witness
  name                 = "${var.name}-look-witness"
  assume_role_policy   = data.aws_iam_policy_document.look_trust.json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "look_witness" {
  provider = aws.witness
  name     = "look"
  role     = aws_iam_role.look_witness.id
  policy   = data.aws_iam_policy_document.look_witness.json
}
