# Roles of the delivery pipeline. It has no long-lived key: GitHub vouches for a workflow, and says which.
locals {
  issuer = "token.actions.githubusercontent.com"
  # What a workflow must be to take each role on.
  subjects = {
    plan = ["repo:${var.repository}:pull_request"]
    # What a schedule starts runs the main branch's code.
    drift = ["repo:${var.repository}:ref:refs/heads/main"]
    push  = ["repo:${var.repository}:ref:refs/heads/main"]
    apply = ["repo:${var.repository}:environment:${var.environment}"]
  }
  # Beside ReadOnlyAccess: the state, roles in the other accounts, and random passwords, of which none is kept.
  looking = [
    { actions = ["s3:GetObject"], resources = ["${var.state_bucket_arn}/${var.environment}/*"], conditions = [] },
    { actions = ["s3:ListBucket"], resources = [var.state_bucket_arn], conditions = [] },
    { actions = ["kms:Decrypt"], resources = [var.state_key_arn], conditions = [] },
    { actions = ["sts:AssumeRole"], resources = var.look_role_arns, conditions = [] },
    { actions = ["secretsmanager:GetRandomPassword"], resources = ["*"], conditions = [] },
  ]
  ci = {
    # A request's code gets no secret: its plan is compared with the state, and not with AWS.
    plan = concat(local.looking, [
      { actions = ["s3:PutObject", "s3:DeleteObject"], resources = ["${var.state_bucket_arn}/${var.environment}/*.tflock"], conditions = [] },
      { actions = ["kms:GenerateDataKey"], resources = [var.state_key_arn], conditions = [] },
    ])
    drift = concat(local.looking, [
      { actions = ["secretsmanager:GetSecretValue"], resources = var.refreshed_secret_arns, conditions = [] },
      { actions = ["kms:Decrypt"], resources = [var.key_arns.database], conditions = [] },
    ])
    push = [
      # Logging in to the registry knows no resources.
      { actions = ["ecr:GetAuthorizationToken"], resources = ["*"], conditions = [] },
      {
        actions = [
          "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
          "ecr:DescribeImageScanFindings", "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage",
          "ecr:UploadLayerPart",
        ]
        resources  = ["arn:${local.partition}:ecr:${local.region}:${local.account}:repository/${var.name}/*"]
        conditions = []
      },
    ]
    apply = [
      { actions = ["s3:GetObject", "s3:PutObject"], resources = ["${var.state_bucket_arn}/${var.environment}/*"], conditions = [] },
      { actions = ["s3:DeleteObject"], resources = ["${var.state_bucket_arn}/${var.environment}/*.tflock"], conditions = [] },
      { actions = ["s3:ListBucket"], resources = [var.state_bucket_arn], conditions = [] },
      # Roles of this lab, and with the boundary alone.
      {
        actions    = ["iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary"]
        resources  = ["${local.arn.role}*"]
        conditions = [{ test = "StringEquals", variable = "iam:PermissionsBoundary", values = ["${local.arn.policy}boundary"] }]
      },
      {
        actions    = ["iam:DeleteRole", "iam:PassRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole"]
        resources  = ["${local.arn.role}*"]
        conditions = []
      },
    ]
  }
  managed = {
    plan  = ["ReadOnlyAccess"]
    drift = ["ReadOnlyAccess"]
    push  = []
    apply = ["PowerUserAccess", "IAMReadOnlyAccess"]
  }
}

data "aws_iam_policy_document" "ci_trust" {
  #checkov:skip=CKV_AWS_358:it can't follow the values through for_each; tests/terraform/test_policies.py reads them from the plan
  for_each = local.subjects

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = ["arn:${local.partition}:iam::${local.account}:oidc-provider/${local.issuer}"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = each.value
    }
  }
}

data "aws_iam_policy_document" "ci" {
  #checkov:skip=CKV_AWS_110:roles can be made with the boundary alone, by which none can destroy the trail or make roles
  #checkov:skip=CKV_AWS_356:logging in to the registry and asking for a random password know no resources
  for_each = local.ci

  dynamic "statement" {
    for_each = each.value

    content {
      actions   = statement.value.actions
      resources = statement.value.resources

      dynamic "condition" {
        for_each = statement.value.conditions

        content {
          test     = condition.value.test
          variable = condition.value.variable
          values   = condition.value.values
        }
      }
    }
  }

  # The boundary's own policy, and the delivery roles themselves, are changed by people.
  dynamic "statement" {
    for_each = each.key == "apply" ? [1] : []

    content {
      sid    = "NeverItself"
      effect = "Deny"
      actions = [
        "iam:AttachRolePolicy", "iam:CreatePolicyVersion", "iam:DeletePolicy*", "iam:DeleteRole*", "iam:PutRole*",
        "iam:SetDefaultPolicyVersion", "iam:UpdateAssumeRolePolicy",
      ]
      resources = ["${local.arn.policy}boundary", "${local.arn.role}ci-*"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "push" ? [] : [1]

    content {
      sid       = "NeverDestroyAudit"
      effect    = "Deny"
      actions   = ["s3:DeleteObject*", "s3:PutObject*", "s3:BypassGovernanceRetention"]
      resources = ["${var.bucket_arns.audit}/*"]
    }
  }
}

resource "aws_iam_role" "ci" {
  for_each             = local.ci
  name                 = "${var.name}-ci-${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.ci_trust[each.key].json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "ci" {
  for_each = local.ci
  name     = "grants"
  role     = aws_iam_role.ci[each.key].id
  policy   = data.aws_iam_policy_document.ci[each.key].json
}

resource "aws_iam_role_policy_attachment" "ci" {
  for_each   = { for pair in flatten([for role, names in local.managed : [for name in names : { role = role, name = name }]]) : "${pair.role}-${pair.name}" => pair }
  role       = aws_iam_role.ci[each.value.role].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/${each.value.name}"
}
