mock_provider "aws" {
  source = "./mocks"
}

variables {
  name                = "mlops-test"
  tasks               = ["mlflow", "provision"]
  services            = ["mlflow"]
  database_identifier = "mlops-test"
  key_arn             = "arn:aws:kms:eu-west-1:123456789012:key/log"
  log_retention_days  = 90
  alert_emails        = ["lab@example.com"]
  alert_rules         = "groups: []"
}

run "every_task_has_a_log_and_every_service_an_alarm" {
  command = plan

  module {
    source = "../modules/observability"
  }

  assert {
    condition     = keys(aws_cloudwatch_log_group.this) == ["mlflow", "provision"] && alltrue([for group in aws_cloudwatch_log_group.this : group.retention_in_days == 90 && group.kms_key_id != null])
    error_message = "Logs are encrypted and end."
  }

  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.service) == ["mlflow"] && aws_cloudwatch_metric_alarm.service["mlflow"].treat_missing_data == "breaching"
    error_message = "A service that is gone is an alarm."
  }
}

run "cloudwatch_keeps_no_91_days" {
  command = plan

  module {
    source = "../modules/observability"
  }

  variables {
    log_retention_days = 91
  }

  expect_failures = [var.log_retention_days]
}

run "somebody_hears_it" {
  command = plan

  module {
    source = "../modules/observability"
  }

  variables {
    alert_emails = []
  }

  expect_failures = [var.alert_emails]
}
