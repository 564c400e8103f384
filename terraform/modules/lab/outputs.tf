output "settings" {
  description = "A settings file for the lab: write it down and name it by `mlops-lab --at`. It holds no secret."

  value = <<-SETTINGS
    # Written by `terraform output -raw settings` for ${local.name}. Look at it with: mlops-lab --at FILE
    LAB_PAGES=dagster=${module.cluster.page_urls["dagster"]},mlflow=${module.cluster.page_urls["mlflow"]}
    ENVIRONMENT=${var.environment}
    ALLOWED_STAGING_ROLES=${local.common.ALLOWED_STAGING_ROLES}
    ALLOWED_PROD_ROLES=${local.common.ALLOWED_PROD_ROLES}
    DATA_BUCKET=${local.bucket.data}
    ARTIFACT_BUCKET=${local.bucket.artifacts}
    AUDIT_BUCKET=${local.bucket.audit}
    AUDIT_LOG_PREFIX=${var.audit_prefix}
    AUDIT_RETENTION_DAYS=${var.audit_retention_days}
    LAB_NAME=${local.name}
  SETTINGS
}

output "page_urls" {
  value       = merge(module.cluster.page_urls, { grafana = "https://${module.observability.grafana_endpoint}" })
  description = "Address of each page, behind the login."
}

output "repository_urls" {
  value       = module.registry.repository_urls
  description = "Where to push each image, without its tag."
}

output "ci_role_arns" {
  value       = module.identity.ci_role_arns
  description = "Roles of the delivery pipeline: plan, drift, push, apply."
}

output "human_role_arns" {
  value       = module.identity.human_role_arns
  description = "Role of people, by the lab's name of it."
}

output "run_launcher" {
  description = "What Dagster's EcsRunLauncher is told: cluster, task definition, network."

  value = {
    cluster         = module.cluster.name
    task_definition = module.cluster.task_definition_arns["run-${var.schedule_runner}"]
    container_name  = "run-${var.schedule_runner}"
    subnets         = module.network.private_subnet_ids
    security_groups = [module.network.security_group_ids["run"]]
  }
}

output "provision" {
  description = "What makes databases and their roles: a task to run once, and after a change of passwords."

  value = {
    cluster         = module.cluster.name
    task_definition = module.cluster.task_definition_arns["provision"]
    subnets         = module.network.private_subnet_ids
    security_groups = [module.network.security_group_ids["service"]]
  }
}

output "training" {
  value       = { queues = module.batch.queue_arns, job_definitions = module.batch.job_definition_arns }
  description = "Where training jobs are submitted."
}

output "trail_bucket" {
  value       = module.governance.trail_bucket
  description = "Bucket of CloudTrail's files, in the account of the audit trail."
}

output "heads_log_group" {
  value       = module.governance.heads_log_group
  description = "Copies of heads, in the account of the witness."
}
