# Copies of heads. S3 itself says of every new entry its name, version and ETag; that goes to an account that neither the
# lab's nor the trail's administrators hold. Who rewrites the trail can't rewrite these.

data "aws_region" "witness" {
  provider = aws.witness
}

module "heads_key" {
  source   = "../key"
  name     = "${var.name}-heads"
  purpose  = "Copies of heads of ${var.name}"
  services = ["logs.${data.aws_region.witness.name}.amazonaws.com"]

  providers = { aws = aws.witness }
}

resource "aws_cloudwatch_event_bus" "heads" {
  provider    = aws.witness
  name        = "${var.name}-heads"
  description = "New entries of the audit trail of ${var.name}"
}

data "aws_iam_policy_document" "heads" {
  statement {
    sid       = "OnlyTheAuditAccount"
    actions   = ["events:PutEvents"]
    resources = [aws_cloudwatch_event_bus.heads.arn]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account}:root"]
    }
  }
}

resource "aws_cloudwatch_event_bus_policy" "heads" {
  provider       = aws.witness
  event_bus_name = aws_cloudwatch_event_bus.heads.name
  policy         = data.aws_iam_policy_document.heads.json
}

resource "aws_cloudwatch_event_archive" "heads" {
  provider         = aws.witness
  name             = "${var.name}-heads"
  description      = "Can be replayed, entry by entry"
  event_source_arn = aws_cloudwatch_event_bus.heads.arn
  retention_days   = var.head_retention_days
}

resource "aws_cloudwatch_log_group" "heads" {
  #checkov:skip=CKV_AWS_338:for ever is the default
  provider          = aws.witness
  name              = "/aws/events/${var.name}-heads"
  retention_in_days = var.head_retention_days
  kms_key_id        = module.heads_key.arn
}

data "aws_iam_policy_document" "heads_log" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.heads.arn}:*"]

    principals {
      type        = "Service"
      identifiers = ["delivery.logs.amazonaws.com", "events.amazonaws.com"]
    }
  }
}

resource "aws_cloudwatch_log_resource_policy" "heads" {
  provider        = aws.witness
  policy_name     = "${var.name}-heads"
  policy_document = data.aws_iam_policy_document.heads_log.json
}

resource "aws_cloudwatch_event_rule" "kept" {
  provider       = aws.witness
  name           = "${var.name}-heads-kept"
  description    = "Every new entry, as a line that can be read"
  event_bus_name = aws_cloudwatch_event_bus.heads.name
  event_pattern  = jsonencode({ source = ["aws.s3"], detail-type = ["Object Created"] })
}

resource "aws_cloudwatch_event_target" "kept" {
  provider       = aws.witness
  rule           = aws_cloudwatch_event_rule.kept.name
  event_bus_name = aws_cloudwatch_event_bus.heads.name
  arn            = aws_cloudwatch_log_group.heads.arn
  depends_on     = [aws_cloudwatch_log_resource_policy.heads]
}

# --- In the account of the trail ---------------------------------------------------------------------------------------
data "aws_iam_policy_document" "forward_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "forward" {
  statement {
    actions   = ["events:PutEvents"]
    resources = [aws_cloudwatch_event_bus.heads.arn]
  }
}

resource "aws_iam_role" "forward" {
  provider           = aws.audit
  name               = "${var.name}-heads"
  assume_role_policy = data.aws_iam_policy_document.forward_trust.json
}

resource "aws_iam_role_policy" "forward" {
  provider = aws.audit
  name     = "forward"
  role     = aws_iam_role.forward.id
  policy   = data.aws_iam_policy_document.forward.json
}

resource "aws_cloudwatch_event_rule" "entry" {
  provider    = aws.audit
  name        = "${var.name}-heads"
  description = "A new entry of the audit trail"

  event_pattern = jsonencode({
    source      = ["aws.s3"]
    detail-type = ["Object Created"]
    detail = {
      bucket = { name = [var.audit_bucket.name] }
      object = { key = [{ prefix = var.audit_prefix }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "entry" {
  provider = aws.audit
  rule     = aws_cloudwatch_event_rule.entry.name
  arn      = aws_cloudwatch_event_bus.heads.arn
  role_arn = aws_iam_role.forward.arn
}
