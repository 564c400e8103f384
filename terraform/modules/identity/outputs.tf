output "task_role_arns" {
  value       = { for task in keys(var.tasks) : task => aws_iam_role.this["task-${task}"].arn }
  description = "Role of each service and one-off task."
}

output "run_role_arns" {
  value       = { for role in var.runners : role => aws_iam_role.this["run-${role}"].arn }
  description = "Role of the runs of each of `runners`."
}

output "train_role_arn" {
  value       = aws_iam_role.this["train"].arn
  description = "Role of training jobs."
}

output "execution_role_arns" {
  value       = { for task, role in aws_iam_role.execution : task => role.arn }
  description = "What ECS uses to start each task; `run` for runs and training jobs."
}

output "human_role_arns" {
  value       = { for role in keys(local.people) : role => aws_iam_role.this["human-${role}"].arn }
  description = "Role of people, by the lab's name of it."
}

output "ci_role_arns" {
  value       = { for name, role in aws_iam_role.ci : name => role.arn }
  description = "Roles of the delivery pipeline: plan, drift, push, apply."
}
