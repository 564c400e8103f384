data "aws_region" "this" {}

locals {
  family = "aurora-postgresql${split(".", var.engine_version)[0]}"
}

module "key" {
  source   = "../key"
  name     = "${var.name}-database"
  purpose  = "Database of ${var.name}, its backups and passwords"
  services = ["logs.${data.aws_region.this.name}.amazonaws.com"]
}

module "password" {
  source        = "../secret"
  for_each      = var.clients
  name          = "${var.name}/${each.key}-database"
  purpose       = "Password of the database role ${each.key}"
  key_arn       = module.key.arn
  value         = var.passwords[each.key]
  generation    = var.password_generation
  recovery_days = var.protected ? 30 : 0
}

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_rds_cluster_parameter_group" "this" {
  name   = var.name
  family = local.family

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }

  # Changes of structure; not what is read and written, which would cost more than it tells.
  parameter {
    name  = "log_statement"
    value = "ddl"
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/rds/cluster/${var.name}/postgresql"
  retention_in_days = 365
  kms_key_id        = module.key.arn
}

resource "aws_rds_cluster" "this" {
  #checkov:skip=CKV_AWS_139:off in dev alone, which is torn down at will
  #checkov:skip=CKV2_AWS_8:continuous backups of its own, 14 days and more; AWS Backup is left for later
  #checkov:skip=CKV2_AWS_27:log_statement is ddl, on purpose
  cluster_identifier                  = var.name
  engine                              = "aurora-postgresql"
  engine_mode                         = "provisioned"
  engine_version                      = var.engine_version
  master_username                     = "postgres"
  manage_master_user_password         = true # by RDS, which changes it every seven days
  master_user_secret_kms_key_id       = module.key.arn
  db_subnet_group_name                = aws_db_subnet_group.this.name
  db_cluster_parameter_group_name     = aws_rds_cluster_parameter_group.this.name
  vpc_security_group_ids              = [var.security_group_id]
  storage_encrypted                   = true
  kms_key_id                          = module.key.arn
  backup_retention_period             = var.backup_days
  preferred_backup_window             = "02:00-03:00"
  preferred_maintenance_window        = "sun:03:30-sun:04:30"
  copy_tags_to_snapshot               = true
  deletion_protection                 = var.protected
  skip_final_snapshot                 = !var.protected
  final_snapshot_identifier           = var.protected ? "${var.name}-final" : null
  iam_database_authentication_enabled = true
  enabled_cloudwatch_logs_exports     = ["postgresql"]

  serverlessv2_scaling_configuration {
    min_capacity = var.capacity.min
    max_capacity = var.capacity.max
  }

  # Made first, or RDS makes one that is kept for ever and unencrypted.
  depends_on = [aws_cloudwatch_log_group.this]
}

data "aws_iam_policy_document" "monitoring_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["monitoring.rds.amazonaws.com"]
    }
  }
}

data "aws_partition" "this" {}

resource "aws_iam_role" "monitoring" {
  name               = "${var.name}-database-monitoring"
  assume_role_policy = data.aws_iam_policy_document.monitoring_trust.json
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

resource "aws_rds_cluster_instance" "this" {
  count                           = var.instance_count
  identifier                      = "${var.name}-${count.index}"
  cluster_identifier              = aws_rds_cluster.this.id
  instance_class                  = "db.serverless"
  engine                          = aws_rds_cluster.this.engine
  engine_version                  = aws_rds_cluster.this.engine_version
  auto_minor_version_upgrade      = true
  copy_tags_to_snapshot           = true
  performance_insights_enabled    = true
  performance_insights_kms_key_id = module.key.arn
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.monitoring.arn
}
