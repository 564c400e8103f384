output "log_group_names" {
  value       = { for task, group in aws_cloudwatch_log_group.this : task => group.name }
  description = "Log group of each service and one-off task."
}

output "alert_topic_arn" {
  value       = aws_sns_topic.alerts.arn
  description = "Topic of alarms and alerts."
}

output "metrics_workspace_arn" {
  value       = aws_prometheus_workspace.this.arn
  description = "Managed Prometheus."
}

output "metrics_endpoint" {
  value       = aws_prometheus_workspace.this.prometheus_endpoint
  description = "Address of Managed Prometheus, ending in /."
}

output "grafana_endpoint" {
  value       = aws_grafana_workspace.this.endpoint
  description = "Host name of Grafana."
}
