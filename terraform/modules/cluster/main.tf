data "aws_region" "this" {}

locals {
  services = { for name, task in var.tasks : name => merge(task.service, { port = task.port }) if task.service != null }
  reached  = { for name, service in local.services : name => service if service.port != null }
  pages    = { for name, service in local.services : name => service if service.page != null }
}

resource "aws_ecs_cluster" "this" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }
}

# The names that services have in Compose, too: mlflow.lab.
resource "aws_service_discovery_private_dns_namespace" "this" {
  name        = "lab"
  description = "Services of ${var.name}"
  vpc         = var.vpc_id
}

resource "aws_service_discovery_service" "this" {
  for_each = local.reached
  name     = each.key

  dns_config {
    namespace_id   = aws_service_discovery_private_dns_namespace.this.id
    routing_policy = "MULTIVALUE"

    dns_records {
      ttl  = 10
      type = "A"
    }
  }
}

# Writable is /tmp, gone with the task; nothing else, and nothing as root.
resource "aws_ecs_task_definition" "this" {
  for_each                 = var.tasks
  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = each.value.exec_arn
  task_role_arn            = each.value.role_arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  volume {
    name = "tmp"
  }

  container_definitions = jsonencode([{
    name                   = each.key
    image                  = each.value.image
    command                = each.value.command
    essential              = true
    user                   = "10001:10001"
    readonlyRootFilesystem = !var.exec_allowed # the agent behind a shell writes to its folder
    stopTimeout            = 60
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
    mountPoints = [
      { sourceVolume = "tmp", containerPath = "/tmp", readOnly = false },
    ]
    portMappings = each.value.port == null ? [] : [
      { containerPort = each.value.port, hostPort = each.value.port, protocol = "tcp" },
    ]
    # Sorted, as AWS gives them back.
    environment = [for variable in sort(keys(each.value.environment)) : { name = variable, value = each.value.environment[variable] }]
    secrets     = [for variable in sort(keys(each.value.secrets)) : { name = variable, valueFrom = each.value.secrets[variable] }]
    healthCheck = each.value.port == null || !each.value.probed ? null : {
      command     = ["CMD", "python", "-c", "import socket; socket.create_connection(('127.0.0.1', ${each.value.port}), 5)"]
      interval    = 30
      timeout     = 10
      retries     = 3
      startPeriod = 120
    }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = each.value.log_group
        awslogs-region        = data.aws_region.this.name
        awslogs-stream-prefix = each.key
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  for_each                           = local.services
  name                               = each.key
  cluster                            = aws_ecs_cluster.this.id
  task_definition                    = aws_ecs_task_definition.this[each.key].arn
  desired_count                      = each.value.count
  platform_version                   = "1.4.0"
  enable_execute_command             = var.exec_allowed
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"
  deployment_minimum_healthy_percent = each.value.alone ? 0 : 100
  deployment_maximum_percent         = each.value.alone ? 100 : 200
  health_check_grace_period_seconds  = each.value.page == null ? null : 180

  capacity_provider_strategy {
    capacity_provider = each.value.spot ? "FARGATE_SPOT" : "FARGATE"
    weight            = 1
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets         = var.subnet_ids
    security_groups = [var.security_group_ids["service"]]
  }

  dynamic "load_balancer" {
    for_each = each.value.page == null ? [] : [each.value.port]

    content {
      target_group_arn = aws_lb_target_group.this[each.key].arn
      container_name   = each.key
      container_port   = load_balancer.value
    }
  }

  dynamic "service_registries" {
    for_each = each.value.port == null ? [] : [1]

    content {
      registry_arn = aws_service_discovery_service.this[each.key].arn
    }
  }

  # How many there are is for the scaling policies to say.
  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [aws_ecs_cluster_capacity_providers.this, aws_lb_listener_rule.page]
}
