locals {
  people = {
    analyst        = ["look", "read-artifacts", "read-audit"]
    data-scientist = ["look", "read-logs", "read-data", "read-artifacts", "read-audit"]
    ml-engineer    = ["look", "read-logs", "read-data", "read-artifacts", "read-audit"]
    risk-officer   = ["look", "read-artifacts", "read-audit"]
    platform-admin = concat(["look", "read-logs", "read-audit", "operate"], var.exec_allowed ? ["open-shell"] : [])
  }
  run = ["read-data", "add-data", "read-artifacts", "write-artifacts", "append-audit", "read-audit", "submit-training"]
  # The run that waits for it writes its entries; models go through MLflow.
  train = ["read-data", "report-training"]

  # Every role of this lab, by its name without prefix: who takes it on, and what it may do.
  roles = merge(
    { for task, what in var.tasks : "task-${task}" => {
      trust  = "ecs-tasks"
      grants = concat(what.grants, var.exec_allowed ? ["shell"] : [])
      tags   = {}
    } },
    { for role in var.runners : "run-${role}" => { trust = "ecs-tasks", grants = local.run, tags = { LabRole = role } } },
    { train = { trust = "ecs-tasks", grants = local.train, tags = {} } },
    { for role, grants in local.people : "human-${role}" => {
      trust  = role
      grants = concat(grants, contains(var.runners, role) ? ["run-as-${role}"] : [])
      tags   = { LabRole = role }
    } },
  )
  executions = merge(
    { for task, what in var.tasks : task => { repository = what.repository_arn, secrets = what.secret_arns } },
    { run = { repository = var.run_repository_arn, secrets = var.run_secret_arns } },
  )
}

# --- Who may take a role on --------------------------------------------------------------------------------------------
data "aws_iam_policy_document" "tasks_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    # No other account's cluster can have our roles lent to it.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

# The directory says who is what in which environment; a session's tag carries it here.
data "aws_iam_policy_document" "people_trust" {
  for_each = local.people

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${var.people_account_id}:root"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalTag/lab-role-${var.environment}"
      values   = [each.key]
    }
  }

  # Who acted stays readable in CloudTrail.
  statement {
    actions = ["sts:SetSourceIdentity"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${var.people_account_id}:root"]
    }
  }
}

# --- What no role of this lab can be given, whatever its policies say --------------------------------------------------
data "aws_iam_policy_document" "boundary" {
  #checkov:skip=CKV_AWS_1:a boundary grants nothing; it says what may be granted
  #checkov:skip=CKV_AWS_49:a boundary grants nothing; it says what may be granted
  #checkov:skip=CKV_AWS_107:a boundary grants nothing; it says what may be granted
  #checkov:skip=CKV_AWS_108:a boundary grants nothing; it says what may be granted
  #checkov:skip=CKV_AWS_109:a boundary grants nothing; it says what may be granted
  #checkov:skip=CKV_AWS_110:a boundary grants nothing; it says what may be granted
  #checkov:skip=CKV_AWS_111:a boundary grants nothing; it says what may be granted
  #checkov:skip=CKV_AWS_356:a boundary grants nothing; it says what may be granted
  #checkov:skip=CKV2_AWS_40:a boundary grants nothing, and denies what changes roles
  statement {
    sid       = "AtMost"
    actions   = ["*"]
    resources = ["*"]
  }

  statement {
    sid    = "NeverDestroyAudit"
    effect = "Deny"
    actions = [
      "s3:BypassGovernanceRetention",
      "s3:DeleteBucket*",
      "s3:DeleteObject*",
      "s3:PutBucket*",
      "s3:PutEncryptionConfiguration",
      "s3:PutLifecycleConfiguration",
      "s3:PutObjectLegalHold",
      "s3:PutObjectRetention",
      "s3:PutReplicationConfiguration",
    ]
    resources = [var.bucket_arns.audit, "${var.bucket_arns.audit}/*"]
  }

  statement {
    sid       = "NeverChangeRoles"
    effect    = "Deny"
    actions   = ["iam:Add*", "iam:Attach*", "iam:Create*", "iam:Delete*", "iam:Detach*", "iam:Put*", "iam:Remove*", "iam:Set*", "iam:Update*", "organizations:*", "cloudtrail:*"]
    resources = ["*"]
  }
}

resource "aws_iam_policy" "boundary" {
  #checkov:skip=CKV_AWS_62:a boundary grants nothing; it says what may be granted
  #checkov:skip=CKV_AWS_63:a boundary grants nothing; it says what may be granted
  #checkov:skip=CKV_AWS_286:a boundary grants nothing; it says what may be granted
  #checkov:skip=CKV_AWS_287:a boundary grants nothing; it says what may be granted
  #checkov:skip=CKV_AWS_288:a boundary grants nothing; it says what may be granted
  #checkov:skip=CKV_AWS_289:a boundary grants nothing; it says what may be granted
  #checkov:skip=CKV_AWS_290:a boundary grants nothing; it says what may be granted
  #checkov:skip=CKV_AWS_355:a boundary grants nothing; it says what may be granted
  #checkov:skip=CKV2_AWS_40:a boundary grants nothing, and denies what changes roles
  name        = "${var.name}-boundary"
  description = "What no task and no person of ${var.name} can be given"
  policy      = data.aws_iam_policy_document.boundary.json
}

# --- Roles of tasks, runs and people -----------------------------------------------------------------------------------
data "aws_iam_policy_document" "role" {
  #checkov:skip=CKV_AWS_111:calls without a resource of their own are marked so in grants.tf
  #checkov:skip=CKV_AWS_356:calls without a resource of their own are marked so in grants.tf
  for_each = { for name, role in local.roles : name => role if length(role.grants) > 0 }

  dynamic "statement" {
    for_each = flatten([for grant in each.value.grants : local.grants[grant]])

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
}

resource "aws_iam_role" "this" {
  for_each             = local.roles
  name                 = "${var.name}-${each.key}"
  permissions_boundary = aws_iam_policy.boundary.arn
  max_session_duration = 3600
  tags                 = each.value.tags
  assume_role_policy = (
    each.value.trust == "ecs-tasks" ? data.aws_iam_policy_document.tasks_trust.json
    : data.aws_iam_policy_document.people_trust[each.value.trust].json
  )
}

resource "aws_iam_role_policy" "this" {
  for_each = data.aws_iam_policy_document.role
  name     = "grants"
  role     = aws_iam_role.this[each.key].id
  policy   = each.value.json
}

# --- What ECS itself needs to start a task: its image, its log, its secrets and no other's -----------------------------
data "aws_iam_policy_document" "execution" {
  for_each = local.executions

  # Logging in to the registry knows no resources.
  statement {
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [each.value.repository]
  }

  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [local.arn.logs]
  }

  dynamic "statement" {
    for_each = length(each.value.secrets) > 0 ? [1] : []

    content {
      actions   = ["secretsmanager:GetSecretValue"]
      resources = each.value.secrets
    }
  }

  dynamic "statement" {
    for_each = length(each.value.secrets) > 0 ? [1] : []

    content {
      actions   = ["kms:Decrypt"]
      resources = [var.key_arns.database]
    }
  }
}

resource "aws_iam_role" "execution" {
  for_each             = local.executions
  name                 = "${var.name}-exec-${each.key}"
  permissions_boundary = aws_iam_policy.boundary.arn
  assume_role_policy   = data.aws_iam_policy_document.tasks_trust.json
}

resource "aws_iam_role_policy" "execution" {
  for_each = local.executions
  name     = "start"
  role     = aws_iam_role.execution[each.key].id
  policy   = data.aws_iam_policy_document.execution[each.key].json
}
