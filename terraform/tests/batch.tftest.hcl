mock_provider "aws" {
  source = "./mocks"
}

variables {
  name              = "mlops-test"
  subnet_ids        = ["subnet-1", "subnet-2"]
  security_group_id = "sg-1"
  image             = "registry/pipelines:1.0"
  job_role_arn      = "arn:aws:iam::123456789012:role/train"
  exec_role_arn     = "arn:aws:iam::123456789012:role/exec"
  log_group         = "/test/train"
  limits            = { fargate = 16, ec2 = 64 }
}

run "spot_first" {
  command = plan

  module {
    source = "../modules/batch"
  }

  assert {
    condition     = length(aws_batch_job_queue.this["fargate"].compute_environment_order) == 2 && length(aws_batch_job_queue.this["ec2"].compute_environment_order) == 1
    error_message = "Fargate has capacity that isn't spot behind it; a queue never mixes Fargate and EC2."
  }

  assert {
    condition     = one(aws_batch_compute_environment.ec2.compute_resources).min_vcpus == 0
    error_message = "Without a job there is no machine."
  }

  assert {
    condition     = aws_launch_template.this.metadata_options[0].http_tokens == "required" && aws_launch_template.this.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "A container can't take the machine's role."
  }
}

run "again_only_when_the_machine_went" {
  command = plan

  module {
    source = "../modules/batch"
  }

  assert {
    condition     = [for rule in aws_batch_job_definition.this["fargate"].retry_strategy[0].evaluate_on_exit : rule.action] == ["RETRY", "RETRY", "RETRY", "EXIT"]
    error_message = "A training that failed isn't tried again."
  }

  assert {
    condition     = aws_batch_job_definition.this["ec2"].timeout[0].attempt_duration_seconds == 7200
    error_message = "No job runs for ever."
  }
}

run "fargate_has_no_three_cores" {
  command = plan

  module {
    source = "../modules/batch"
  }

  variables {
    sizes = { fargate = { vcpu = 3, memory = 8192 }, ec2 = { vcpu = 16, memory = 61440 } }
  }

  expect_failures = [var.sizes]
}
