mock_provider "aws" {
  source = "./mocks"
}

variables {
  name                  = "mlops-test"
  environment           = "prod"
  runners               = ["ml-engineer", "platform-admin"]
  schedule_runner       = "ml-engineer"
  run_repository_arn    = "arn:aws:ecr:eu-west-1:123456789012:repository/pipelines"
  run_secret_arns       = ["arn:aws:secretsmanager:eu-west-1:123456789012:secret:one"]
  audit_prefix          = "governance/audit/"
  metrics_workspace_arn = "arn:aws:aps:eu-west-1:123456789012:workspace/ws-1"
  people_account_id     = "444444444444"
  repository            = "example/mlops-lab"
  state_bucket_arn      = "arn:aws:s3:::state"
  state_key_arn         = "arn:aws:kms:eu-west-1:123456789012:key/state"
  look_role_arns        = ["arn:aws:iam::210987654321:role/mlops-test-look-audit"]
  refreshed_secret_arns = ["arn:aws:secretsmanager:eu-west-1:123456789012:secret:one"]

  bucket_arns = {
    data      = "arn:aws:s3:::data"
    artifacts = "arn:aws:s3:::artifacts"
    logs      = "arn:aws:s3:::logs"
    audit     = "arn:aws:s3:::audit"
  }

  key_arns = {
    data      = "arn:aws:kms:eu-west-1:123456789012:key/data"
    artifacts = "arn:aws:kms:eu-west-1:123456789012:key/artifacts"
    audit     = "arn:aws:kms:eu-west-1:123456789012:key/audit"
    database  = "arn:aws:kms:eu-west-1:123456789012:key/database"
    registry  = "arn:aws:kms:eu-west-1:123456789012:key/registry"
  }

  tasks = {
    mlflow = {
      repository_arn = "arn:aws:ecr:eu-west-1:123456789012:repository/mlflow"
      secret_arns    = []
      grants         = ["read-artifacts"]
    }
    idle = {
      repository_arn = "arn:aws:ecr:eu-west-1:123456789012:repository/mlflow"
      secret_arns    = []
      grants         = []
    }
  }
}

run "who_may_not_run_has_no_role_of_runs" {
  command = plan

  module {
    source = "../modules/identity"
  }

  assert {
    condition     = [for name in keys(aws_iam_role.this) : name if startswith(name, "run-")] == ["run-ml-engineer", "run-platform-admin"]
    error_message = "Only those who may run in prod have a role for their runs."
  }

  assert {
    condition     = length([for name in keys(aws_iam_role.this) : name if startswith(name, "human-")]) == 5
    error_message = "Each role of the lab's policy is one here."
  }
}

run "every_role_has_the_boundary" {
  command = apply

  module {
    source = "../modules/identity"
  }

  assert {
    condition     = alltrue([for role in concat(values(aws_iam_role.this), values(aws_iam_role.execution)) : role.permissions_boundary == aws_iam_policy.boundary.arn])
    error_message = "None can be given more than the boundary lets through."
  }

  assert {
    condition     = !contains(keys(aws_iam_role_policy.this), "task-idle")
    error_message = "What needs nothing gets nothing."
  }
}

run "a_role_that_isnt_one" {
  command = plan

  module {
    source = "../modules/identity"
  }

  variables {
    runners = ["ml-engineer", "intern"]
  }

  expect_failures = [var.runners]
}

run "any_repository_is_none" {
  command = plan

  module {
    source = "../modules/identity"
  }

  variables {
    repository = "example/*"
  }

  expect_failures = [var.repository]
}

run "a_requests_code_gets_no_secret" {
  command = plan

  module {
    source = "../modules/identity"
  }

  assert {
    condition     = [for role, given in local.ci : role if anytrue([for one in given : contains(one.actions, "secretsmanager:GetSecretValue")])] == ["drift"]
    error_message = "Only the look for drift reads secrets, and only the main branch's code takes that role on."
  }

  assert {
    condition     = local.subjects.drift == ["repo:example/mlops-lab:ref:refs/heads/main"]
    error_message = "No request's code is among them."
  }
}
