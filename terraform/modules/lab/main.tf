data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_route53_zone" "this" {
  name = var.domain
}

# Made by terraform/bootstrap, with the bucket.
data "aws_kms_alias" "state" {
  name = "alias/${var.state_bucket}-state"
}

locals {
  name = "mlops-${var.environment}"
  # What dev may lose, and the others may not.
  protected = var.environment != "dev"
  # A shell in a container would read what its role may, past every guard.
  exec_allowed = var.environment == "dev"
  role         = "arn:${data.aws_partition.this.partition}:iam::${data.aws_caller_identity.this.account_id}:role/${local.name}-"
  tasks        = toset(concat(keys(local.services), keys(local.once), ["train"]))
}

module "log_key" {
  source   = "../key"
  name     = "${local.name}-logs"
  purpose  = "Logs, metrics and notifications of ${local.name}"
  services = ["logs.${var.region}.amazonaws.com", "cloudwatch.amazonaws.com", "budgets.amazonaws.com", "aps.amazonaws.com", "sns.amazonaws.com"]
}

module "network" {
  source             = "../network"
  name               = local.name
  region             = var.region
  cidr               = var.network.cidr
  zone_count         = var.network.zone_count
  nat_per_zone       = var.network.nat_per_zone
  client_cidrs       = var.network.client_cidrs
  log_key_arn        = module.log_key.arn
  log_retention_days = var.log_retention_days
  page_ports         = { dagster = 3000, mlflow = 5000 }
  run_ports          = { dagster-code = 3001, mlflow = 5000 }
  service_ports = {
    dagster            = 3000
    dagster-code       = 3001
    mlflow             = 5000
    drift-monitor      = 9100
    dagster-metrics    = 9200
    governance-metrics = 9300
  }
}

module "storage" {
  source               = "../storage"
  name                 = local.name
  audit_prefix         = var.audit_prefix
  audit_retention_days = var.audit_retention_days
  audit_writers        = ["${local.role}run-*"]
  audit_readers        = ["${local.role}task-governance-metrics", "${local.role}human-*"]
  audit_checkers       = ["${local.role}task-provision"]
  log_expiry_days      = var.log_retention_days
  force_destroy        = !local.protected

  providers = {
    aws       = aws
    aws.audit = aws.audit
  }
}

module "registry" {
  source       = "../registry"
  name         = local.name
  repositories = ["pipelines", "mlflow", "exporters", "collector"]
  force_delete = !local.protected
}

module "database" {
  source              = "../database"
  name                = local.name
  subnet_ids          = module.network.database_subnet_ids
  security_group_id   = module.network.security_group_ids["database"]
  engine_version      = var.database.engine_version
  capacity            = var.database.capacity
  instance_count      = var.database.instance_count
  backup_days         = var.database.backup_days
  passwords           = var.passwords
  password_generation = var.database.password_generation
  protected           = local.protected
}

module "observability" {
  source              = "../observability"
  name                = local.name
  tasks               = local.tasks
  services            = toset(keys(local.services))
  database_identifier = module.database.identifier
  key_arn             = module.log_key.arn
  log_retention_days  = var.log_retention_days
  alert_emails        = var.alert_emails
  alert_rules         = file("${path.module}/../../../stack/prometheus/alert_rules.yml")
}

module "identity" {
  source                = "../identity"
  name                  = local.name
  environment           = var.environment
  runners               = var.runners
  schedule_runner       = var.schedule_runner
  run_repository_arn    = module.registry.repository_arns["pipelines"]
  run_secret_arns       = values(local.dagster_password)
  bucket_arns           = module.storage.bucket_arns
  key_arns              = merge(module.storage.key_arns, { database = module.database.key_arn, registry = module.registry.key_arn })
  audit_prefix          = var.audit_prefix
  metrics_workspace_arn = module.observability.metrics_workspace_arn
  people_account_id     = var.people_account_id
  exec_allowed          = local.exec_allowed
  repository            = var.repository
  state_bucket_arn      = "arn:${data.aws_partition.this.partition}:s3:::${var.state_bucket}"
  state_key_arn         = data.aws_kms_alias.state.target_key_arn
  look_role_arns        = module.governance.look_role_arns
  refreshed_secret_arns = [for client in ["dagster", "mlflow"] : module.database.secret_arns["${client}-database"]]

  tasks = {
    for name, task in merge(local.services, { provision = local.once.provision }) : name => {
      repository_arn = module.registry.repository_arns[task.image]
      secret_arns    = distinct([for arn in values(try(task.secrets, {})) : join(":", slice(split(":", arn), 0, 7))])
      grants         = task.grants
    }
  }
}

module "cluster" {
  source             = "../cluster"
  name               = local.name
  domain             = var.domain
  zone_id            = data.aws_route53_zone.this.zone_id
  vpc_id             = module.network.vpc_id
  subnet_ids         = module.network.private_subnet_ids
  security_group_ids = module.network.security_group_ids
  log_bucket         = module.storage.log_bucket_ready
  exec_allowed       = local.exec_allowed
  protected          = local.protected
  oidc               = var.oidc
  oidc_client_secret = var.oidc_client_secret

  tasks = merge(
    { for name, task in local.services : name => {
      image       = local.image[task.image]
      command     = task.command
      cpu         = task.cpu
      memory      = task.memory
      environment = task.environment
      secrets     = try(task.secrets, {})
      port        = try(task.port, null)
      log_group   = module.observability.log_group_names[name]
      role_arn    = module.identity.task_role_arns[name]
      exec_arn    = module.identity.execution_role_arns[name]
      service = {
        count  = try(var.scaling[name].min, 1)
        spot   = var.spot
        alone  = try(task.alone, false)
        page   = try(task.page, null)
        health = try(task.health, "/")
      }
    } },
    { for name, task in local.once : name => {
      image       = local.image[task.image]
      command     = task.command
      cpu         = task.cpu
      memory      = task.memory
      environment = task.environment
      secrets     = task.secrets
      port        = null
      log_group   = module.observability.log_group_names[name]
      role_arn    = try(module.identity.run_role_arns[trimprefix(name, "run-")], module.identity.task_role_arns[name])
      exec_arn    = try(module.identity.execution_role_arns[name], module.identity.execution_role_arns["run"])
      service     = null
    } },
  )
}

module "autoscaling" {
  source          = "../autoscaling"
  name            = local.name
  cluster_name    = module.cluster.name
  queue_metric    = local.queue_metric
  services        = { for name, limits in var.scaling : module.cluster.service_names[name] => limits }
  office_hours    = var.office_hours
  office_services = { for name, service in module.cluster.service_names : service => try(var.scaling[name].min, 1) }
}

module "batch" {
  source            = "../batch"
  name              = local.name
  subnet_ids        = module.network.private_subnet_ids
  security_group_id = module.network.security_group_ids["run"]
  image             = local.image["pipelines"]
  job_role_arn      = module.identity.train_role_arn
  exec_role_arn     = module.identity.execution_role_arns["run"]
  log_group         = module.observability.log_group_names["train"]
  environment       = local.common
  limits            = var.training.limits
  instance_types    = var.training.instance_types
}

module "governance" {
  source               = "../governance"
  name                 = local.name
  audit_bucket         = { name = module.storage.bucket_names.audit, arn = module.storage.bucket_arns.audit }
  audit_prefix         = var.audit_prefix
  trail_retention_days = var.audit_retention_days
  lookers              = ["${local.role}ci-plan", "${local.role}ci-drift"]
  budget               = { monthly_usd = var.monthly_usd, alert_topic_arn = module.observability.alert_topic_arn }

  providers = {
    aws         = aws
    aws.audit   = aws.audit
    aws.witness = aws.witness
  }
}
