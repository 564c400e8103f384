data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  trusted = { service = "batch", instance = "ec2" }
  # What a job on either kind of machine says besides.
  platform = {
    fargate = {
      fargatePlatformConfiguration = { platformVersion = "1.4.0" }
      networkConfiguration         = { assignPublicIp = "DISABLED" }
    }
    ec2 = { linuxParameters = { initProcessEnabled = true } }
  }
  # A queue leads to machines of one kind: Batch mixes neither Fargate with EC2 nor lets a job run on both.
  queues = {
    fargate = [aws_batch_compute_environment.fargate["FARGATE_SPOT"].arn, aws_batch_compute_environment.fargate["FARGATE"].arn]
    ec2     = [aws_batch_compute_environment.ec2.arn]
  }
}

data "aws_iam_policy_document" "trust" {
  for_each = local.trusted

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.value}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "service" {
  name               = "${var.name}-batch"
  assume_role_policy = data.aws_iam_policy_document.trust["service"].json
}

resource "aws_iam_role_policy_attachment" "service" {
  role       = aws_iam_role.service.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/service-role/AWSBatchServiceRole"
}

resource "aws_iam_role" "instance" {
  name               = "${var.name}-batch-instance"
  assume_role_policy = data.aws_iam_policy_document.trust["instance"].json
}

resource "aws_iam_role_policy_attachment" "instance" {
  role       = aws_iam_role.instance.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
}

resource "aws_iam_instance_profile" "this" {
  name = "${var.name}-batch-instance"
  role = aws_iam_role.instance.name
}

# Spot first; what can't be had there goes to the second in the queue's order.
resource "aws_batch_compute_environment" "fargate" {
  for_each                 = toset(["FARGATE_SPOT", "FARGATE"])
  compute_environment_name = "${var.name}-${lower(replace(each.key, "_", "-"))}"
  type                     = "MANAGED"
  service_role             = aws_iam_role.service.arn

  compute_resources {
    type               = each.key
    max_vcpus          = var.limits.fargate
    subnets            = var.subnet_ids
    security_group_ids = [var.security_group_id]
  }

  depends_on = [aws_iam_role_policy_attachment.service]
}

# No machine tells its role's credentials to a container: the metadata service wants a session, one hop away.
resource "aws_launch_template" "this" {
  name = "${var.name}-batch"

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_size           = 60
      volume_type           = "gp3"
      encrypted             = true
      delete_on_termination = true
    }
  }
}

resource "aws_batch_compute_environment" "ec2" {
  compute_environment_name = "${var.name}-ec2-spot"
  type                     = "MANAGED"
  service_role             = aws_iam_role.service.arn

  compute_resources {
    type                = "SPOT"
    allocation_strategy = "SPOT_PRICE_CAPACITY_OPTIMIZED"
    min_vcpus           = 0
    max_vcpus           = var.limits.ec2
    instance_type       = var.instance_types
    instance_role       = aws_iam_instance_profile.this.arn
    subnets             = var.subnet_ids
    security_group_ids  = [var.security_group_id]

    launch_template {
      launch_template_id = aws_launch_template.this.id
      version            = aws_launch_template.this.latest_version
    }
  }

  depends_on = [aws_iam_role_policy_attachment.service, aws_iam_role_policy_attachment.instance]
}

resource "aws_batch_job_queue" "this" {
  for_each = local.queues
  name     = "${var.name}-${each.key}"
  state    = "ENABLED"
  priority = 10

  dynamic "compute_environment_order" {
    for_each = each.value

    content {
      order               = compute_environment_order.key + 1
      compute_environment = compute_environment_order.value
    }
  }
}

resource "aws_batch_job_definition" "this" {
  for_each              = local.queues
  name                  = "${var.name}-train-${each.key}"
  type                  = "container"
  platform_capabilities = [upper(each.key)]
  propagate_tags        = true
  tags                  = { Lab = var.name }

  container_properties = jsonencode(merge(
    {
      image            = var.image
      command          = ["python", "-m", "lab.training.backends.batch_job"]
      jobRoleArn       = var.job_role_arn
      executionRoleArn = var.exec_role_arn
      environment      = [for variable in sort(keys(var.environment)) : { name = variable, value = var.environment[variable] }]
      resourceRequirements = [
        { type = "VCPU", value = tostring(var.sizes[each.key].vcpu) },
        { type = "MEMORY", value = tostring(var.sizes[each.key].memory) },
      ]
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = var.log_group
          awslogs-region        = data.aws_region.this.name
          awslogs-stream-prefix = "train"
        }
      }
      user = "10001"
    },
    local.platform[each.key],
  ))

  timeout {
    attempt_duration_seconds = var.timeout_seconds
  }

  # Again when the machine was taken away or the image couldn't be had; never when the training itself failed.
  retry_strategy {
    attempts = var.attempts

    evaluate_on_exit {
      action           = "RETRY"
      on_status_reason = "Host EC2*"
    }

    evaluate_on_exit {
      action           = "RETRY"
      on_status_reason = "Your Spot Task*"
    }

    evaluate_on_exit {
      action    = "RETRY"
      on_reason = "CannotPullContainerError*"
    }

    evaluate_on_exit {
      action       = "EXIT"
      on_exit_code = "*"
    }
  }
}
