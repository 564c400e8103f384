locals {
  stopping = var.office_hours == null ? {} : var.office_services
  targets = merge(
    { for name, count in local.stopping : name => { min = count, max = count, cpu = null, queue = null } },
    { for name, service in var.services : name => service if service.max > service.min },
  )
}

resource "aws_appautoscaling_target" "this" {
  for_each           = local.targets
  service_namespace  = "ecs"
  resource_id        = "service/${var.cluster_name}/${each.key}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = each.value.min
  max_capacity       = each.value.max

  # Scheduled actions move both by day and night; an apply mustn't move them back.
  lifecycle {
    ignore_changes = [min_capacity, max_capacity]
  }
}

resource "aws_appautoscaling_policy" "cpu" {
  for_each           = { for name, service in local.targets : name => service if service.cpu != null }
  name               = "${var.name}-${each.key}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this[each.key].service_namespace
  resource_id        = aws_appautoscaling_target.this[each.key].resource_id
  scalable_dimension = aws_appautoscaling_target.this[each.key].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.cpu
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

resource "aws_appautoscaling_policy" "queue" {
  for_each           = { for name, service in local.targets : name => service if service.queue != null }
  name               = "${var.name}-${each.key}-queue"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this[each.key].service_namespace
  resource_id        = aws_appautoscaling_target.this[each.key].resource_id
  scalable_dimension = aws_appautoscaling_target.this[each.key].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.queue
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    customized_metric_specification {
      namespace   = var.queue_metric.namespace
      metric_name = var.queue_metric.name
      statistic   = "Average"
    }
  }
}

resource "aws_appautoscaling_scheduled_action" "stop" {
  for_each           = local.stopping
  name               = "${var.name}-${each.key}-stop"
  service_namespace  = aws_appautoscaling_target.this[each.key].service_namespace
  resource_id        = aws_appautoscaling_target.this[each.key].resource_id
  scalable_dimension = aws_appautoscaling_target.this[each.key].scalable_dimension
  schedule           = "cron(${var.office_hours.end})"
  timezone           = var.office_hours.timezone

  scalable_target_action {
    min_capacity = 0
    max_capacity = 0
  }
}

resource "aws_appautoscaling_scheduled_action" "start" {
  for_each           = local.stopping
  name               = "${var.name}-${each.key}-start"
  service_namespace  = aws_appautoscaling_target.this[each.key].service_namespace
  resource_id        = aws_appautoscaling_target.this[each.key].resource_id
  scalable_dimension = aws_appautoscaling_target.this[each.key].scalable_dimension
  schedule           = "cron(${var.office_hours.start})"
  timezone           = var.office_hours.timezone

  scalable_target_action {
    min_capacity = local.targets[each.key].min
    max_capacity = local.targets[each.key].max
  }

  # Actions of one target are made one after the other.
  depends_on = [aws_appautoscaling_scheduled_action.stop]
}
