mock_provider "aws" {
  source = "./mocks"
}

mock_provider "aws" {
  alias  = "audit"
  source = "./mocks"
}

mock_provider "aws" {
  alias  = "witness"
  source = "./mocks"
}

variables {
  name         = "mlops-test"
  audit_bucket = { name = "audit", arn = "arn:aws:s3:::audit" }
  audit_prefix = "governance/audit/"
  lookers      = ["arn:aws:iam::123456789012:role/mlops-test-ci-plan"]
  budget       = { monthly_usd = 100, alert_topic_arn = "arn:aws:sns:eu-west-1:123456789012:alerts" }
}

run "every_call_on_the_audit_bucket_is_recorded" {
  command = plan

  module {
    source = "../modules/governance"
  }

  providers = {
    aws         = aws
    aws.audit   = aws.audit
    aws.witness = aws.witness
  }

  assert {
    condition     = aws_cloudtrail.this.enable_log_file_validation && aws_cloudtrail.this.is_multi_region_trail
    error_message = "A changed log file shows."
  }

  assert {
    condition = (
      one(aws_cloudtrail.this.event_selector).read_write_type == "All"
      && one(one(aws_cloudtrail.this.event_selector).data_resource).values[0] == "arn:aws:s3:::audit/"
    )
    error_message = "Data events of the audit bucket are in it, reading included."
  }
}

run "every_head_is_copied" {
  command = plan

  module {
    source = "../modules/governance"
  }

  providers = {
    aws         = aws
    aws.audit   = aws.audit
    aws.witness = aws.witness
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.entry.event_pattern).detail.bucket.name == ["audit"] && jsondecode(aws_cloudwatch_event_rule.entry.event_pattern).detail.object.key[0].prefix == "governance/audit/"
    error_message = "Entries are what is copied."
  }

  assert {
    condition     = aws_cloudwatch_event_archive.heads.retention_days == 0 && aws_cloudwatch_log_group.heads.retention_in_days == 0
    error_message = "Copies are kept for ever."
  }

  assert {
    condition     = length(aws_budgets_budget.month.notification) == 2
    error_message = "A budget tells before it is spent."
  }
}

run "who_looks_changes_nothing_and_reads_no_object" {
  command = plan

  module {
    source = "../modules/governance"
  }

  providers = {
    aws         = aws
    aws.audit   = aws.audit
    aws.witness = aws.witness
  }

  assert {
    condition = alltrue([
      for one in concat(local.looks_audit, local.looks_witness) : alltrue([
        for action in one.actions : can(regex(":(Describe|Get|List)", action)) && !startswith(action, "s3:GetObject") && !startswith(action, "logs:Get")
      ])
    ])
    error_message = "What lies in the buckets and the log isn't read by a workflow."
  }

  assert {
    condition     = join(",", one(data.aws_iam_policy_document.look_trust.statement[0].condition).values) == "arn:aws:iam::123456789012:role/mlops-test-ci-plan"
    error_message = "Roles of workflows that look, and no others of that account."
  }
}
