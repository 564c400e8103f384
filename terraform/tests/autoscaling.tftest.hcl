mock_provider "aws" {
  source = "./mocks"
}

variables {
  name         = "mlops-test"
  cluster_name = "mlops-test"
  queue_metric = { namespace = "Lab", name = "queued" }
  services = {
    pages = { min = 1, max = 3, cpu = 60 }
    code  = { min = 1, max = 2, queue = 10 }
    fixed = { min = 1, max = 1, cpu = 60 }
  }
}

run "what_can_grow_has_a_policy" {
  command = plan

  module {
    source = "../modules/autoscaling"
  }

  assert {
    condition     = keys(aws_appautoscaling_target.this) == ["code", "pages"]
    error_message = "One that can't grow has no target."
  }

  assert {
    condition     = keys(aws_appautoscaling_policy.cpu) == ["pages"] && keys(aws_appautoscaling_policy.queue) == ["code"]
    error_message = "Each is held at what was asked for."
  }

  assert {
    condition     = length(aws_appautoscaling_scheduled_action.stop) == 0
    error_message = "Without office hours, nothing stops."
  }
}

run "outside_office_hours_nothing_runs" {
  command = plan

  module {
    source = "../modules/autoscaling"
  }

  variables {
    office_hours    = { start = "0 7 ? * MON-FRI *", end = "0 20 * * ? *", timezone = "Europe/Berlin" }
    office_services = { pages = 1, fixed = 1 }
  }

  assert {
    condition     = alltrue([for action in aws_appautoscaling_scheduled_action.stop : action.scalable_target_action[0].max_capacity == "0"])
    error_message = "At the end of the day all stop."
  }

  assert {
    condition     = aws_appautoscaling_scheduled_action.start["pages"].scalable_target_action[0].max_capacity == "3"
    error_message = "In the morning the limits are those of the day."
  }

  assert {
    condition     = aws_appautoscaling_scheduled_action.start["fixed"].scalable_target_action[0].min_capacity == "1"
    error_message = "What can't grow comes back, too."
  }
}

run "more_at_least_than_at_most" {
  command = plan

  module {
    source = "../modules/autoscaling"
  }

  variables {
    services = { pages = { min = 3, max = 1, cpu = 60 } }
  }

  expect_failures = [var.services]
}
