output "settings" {
  value       = module.lab.settings
  description = "A settings file for the lab: `terraform output -raw settings > lab.env`, then `mlops-lab --at lab.env`."
}

output "page_urls" {
  value       = module.lab.page_urls
  description = "Address of each page, behind the login."
}

output "repository_urls" {
  value       = module.lab.repository_urls
  description = "Where to push each image, without its tag."
}

output "ci_role_arns" {
  value       = module.lab.ci_role_arns
  description = "Roles of the delivery pipeline: plan, drift, push, apply."
}

output "human_role_arns" {
  value       = module.lab.human_role_arns
  description = "Role of people, by the lab's name of it."
}

output "run_launcher" {
  value       = module.lab.run_launcher
  description = "What Dagster's EcsRunLauncher is told."
}

output "provision" {
  value       = module.lab.provision
  description = "The task that makes databases and their roles, to run once."
}

output "training" {
  value       = module.lab.training
  description = "Queues and job definitions of training bursts."
}

output "trail_bucket" {
  value       = module.lab.trail_bucket
  description = "Bucket of CloudTrail's files, in the account of the audit trail."
}

output "heads_log_group" {
  value       = module.lab.heads_log_group
  description = "Copies of heads, in the account of the witness."
}
