output "name" {
  value       = aws_ecs_cluster.this.name
  description = "Name of the cluster."
}

output "service_names" {
  value       = { for name, service in aws_ecs_service.this : name => service.name }
  description = "Name of each ECS service, once it is there."
}

output "task_definition_arns" {
  value       = { for name, definition in aws_ecs_task_definition.this : name => definition.arn }
  description = "Task definition of each service and one-off task, with its revision."
}

output "page_urls" {
  value       = { for name, record in aws_route53_record.page : name => "https://${record.name}" }
  description = "Address of each page, behind the login."
}
