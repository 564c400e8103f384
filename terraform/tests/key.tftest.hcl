# Key and secret, which the other modules use.
mock_provider "aws" {
  source = "./mocks"
}

run "a_key_is_for_its_account_and_is_changed_every_year" {
  command = plan

  module {
    source = "../modules/key"
  }

  variables {
    name    = "mlops-test"
    purpose = "Test"
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "The key is rotated, and stays for 30 days when it is deleted."
  }

  assert {
    condition     = [for statement in data.aws_iam_policy_document.this.statement : statement.sid] == ["AccountDecides"]
    error_message = "Nobody but the account is in the policy of a key that nobody else uses."
  }
}

run "services_and_other_accounts_as_far_as_they_are_named" {
  command = plan

  module {
    source = "../modules/key"
  }

  variables {
    name             = "mlops-test"
    purpose          = "Test"
    services         = ["logs.eu-west-1.amazonaws.com", "sns.amazonaws.com"]
    user_account_ids = ["222222222222"]
  }

  assert {
    condition = (
      [for statement in data.aws_iam_policy_document.this.statement : statement.sid]
      == ["AccountDecides", "Services", "Logs", "OtherAccounts"]
    )
    error_message = "Each has a statement of its own."
  }

  assert {
    condition = alltrue([for statement in data.aws_iam_policy_document.this.statement :
      length(statement.condition) == 1 if contains(["Services", "Logs"], statement.sid)
    ])
    error_message = "A service uses the key on behalf of this account only."
  }

  assert {
    condition = alltrue([for statement in data.aws_iam_policy_document.this.statement :
      !contains(statement.actions, "kms:*") if statement.sid != "AccountDecides"
    ])
    error_message = "Nobody else may manage the key."
  }
}

run "a_service_has_a_name_of_aws" {
  command = plan

  module {
    source = "../modules/key"
  }

  variables {
    name             = "mlops-test"
    purpose          = "Test"
    services         = ["logs"]
    user_account_ids = ["somebody"]
  }

  expect_failures = [var.services, var.user_account_ids]
}

run "a_secret_can_be_brought_back" {
  command = plan

  module {
    source = "../modules/secret"
  }

  variables {
    name    = "mlops-test/database"
    purpose = "Test"
    key_arn = "arn:aws:kms:eu-west-1:123456789012:key/mock"
    value   = "not-a-secret"
  }

  assert {
    condition     = aws_secretsmanager_secret.this.recovery_window_in_days == 30
    error_message = "A deleted secret can be brought back for 30 days."
  }

  assert {
    condition     = aws_secretsmanager_secret_version.this.secret_string_wo_version == 1 && aws_secretsmanager_secret_version.this.secret_string == null
    error_message = "The value is written only, and is in no plan."
  }
}

run "recovery_days_are_those_of_aws" {
  command = plan

  module {
    source = "../modules/secret"
  }

  variables {
    name          = "database"
    purpose       = "Test"
    key_arn       = "arn:aws:kms:eu-west-1:123456789012:key/mock"
    value         = "not-a-secret"
    generation    = 0
    recovery_days = 3
  }

  expect_failures = [var.name, var.generation, var.recovery_days]
}
