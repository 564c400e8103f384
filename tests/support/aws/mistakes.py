"""A mistake for each rule: what is added to a copy of the modules, so that Terraform plans it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """`text` overrides what `module` says; the rule must then find `found`, and finds nothing without it."""

    module: str
    text: str
    found: str


MISTAKES: Mapping[str, Mistake] = {
    "fargate_sizes": Mistake(
        "cluster",
        'resource "aws_ecs_task_definition" "this" {\n  cpu    = 256\n  memory = 8192\n}\n',
        'cluster.aws_ecs_task_definition.this["mlflow"]: Fargate has no 256 CPU units with 8192 MiB',
    ),
    "batch_sizes": Mistake(
        "batch",
        'resource "aws_batch_job_definition" "this" {\n  container_properties = jsonencode({\n    image = var.image\n'
        "    executionRoleArn = var.exec_role_arn\n    resourceRequirements = [\n"
        '      { type = "VCPU", value = "3" }, { type = "MEMORY", value = "8192" },\n    ]\n  })\n}\n',
        'batch.aws_batch_job_definition.this["fargate"]: Fargate has no 3072 CPU units with 8192 MiB',
    ),
    "iam_actions": Mistake(
        "observability",
        'data "aws_iam_policy_document" "grafana" {\n  statement {\n    actions   = ["aps:QueryMetric"]\n'
        "    resources = [aws_prometheus_workspace.this.arn]\n  }\n}\n",
        "observability.aws_iam_role_policy.grafana: aps:QueryMetric is no action",
    ),
    "engine_versions": Mistake(
        "database",
        'resource "aws_rds_cluster" "this" {\n  engine_version = "99.1"\n}\n',
        "database.aws_rds_cluster.this: there is no Aurora PostgreSQL 99.1",
    ),
    "port_ranges": Mistake(
        "network",
        'resource "aws_vpc_security_group_egress_rule" "leaving" {\n  from_port = 443\n  to_port   = 80\n}\n',
        'network.aws_vpc_security_group_egress_rule.leaving["run"]: 443 to 80 is no range of ports',
    ),
    "trusted_services": Mistake(
        "database",
        'data "aws_iam_policy_document" "monitoring_trust" {\n  statement {\n    actions = ["sts:AssumeRole"]\n\n'
        '    principals {\n      type        = "Service"\n      identifiers = ["ec2.amazonaws.com"]\n    }\n  }\n}\n',
        "database.aws_rds_cluster_instance.this[0]: monitoring.rds.amazonaws.com can't take on "
        "database.aws_iam_role.monitoring",
    ),
    "bucket_policies": Mistake(
        "storage",
        'resource "aws_s3_bucket_policy" "audit" {\n  policy = data.aws_iam_policy_document.this["data"].json\n}\n',
        "storage.aws_s3_bucket_policy.audit: speaks of arn:aws:s3:::mlops-dev-data-111111111111",
    ),
    "load_balancer_zones": Mistake(
        "cluster",
        'resource "aws_lb" "this" {\n  subnets = [var.subnet_ids[0]]\n}\n',
        "cluster.aws_lb.this: has one zone",
    ),
    "queues_of_one_kind": Mistake(
        "batch",
        'locals {\n  queues = {\n    fargate = [aws_batch_compute_environment.fargate["FARGATE"].arn, '
        "aws_batch_compute_environment.ec2.arn]\n    ec2     = [aws_batch_compute_environment.ec2.arn]\n  }\n}\n",
        'batch.aws_batch_job_queue.this["fargate"]: mixes Fargate and EC2',
    ),
    "workflow_subjects": Mistake(
        "identity",
        'locals {\n  subjects = {\n    plan  = ["repo:${var.repository}:pull_request"]\n'
        '    drift = ["repo:${var.repository}:ref:refs/heads/main"]\n'
        '    push  = ["repo:*:ref:refs/heads/main"]\n'
        '    apply = ["repo:${var.repository}:environment:${var.environment}"]\n  }\n}\n',
        "identity.aws_iam_role.ci[\"push\"]: ['repo:*:ref:refs/heads/main'] can take it on",
    ),
}
