"""What the emulator lacks, in one list: each gap has the resource that needs it, the reason, and what closes it."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.support.aws import jobs, monitoring, patches


@dataclass(frozen=True)
class Gap:
    """Something that AWS does and the emulator doesn't."""

    resource: str
    reason: str
    close: Callable[[], None]


GAPS: tuple[Gap, ...] = (
    Gap("aws_appautoscaling_target", "forgets tags, and can't list or change them", patches.autoscaling_tags),
    Gap("aws_batch_job_definition", "runs its jobs, and forgets how each ended, and why", jobs.ends),
    Gap("aws_batch_job_queue", "tries a job once only, whatever its definition says", jobs.attempts),
    Gap("aws_budgets_budget", "can't be asked who is notified, nor for tags", patches.budgets),
    Gap("aws_cloudtrail", "deletes a trail by its name only, and nothing by its ARN", patches.trail_by_arn),
    Gap("aws_ecs_cluster", "goes on listing clusters that were deleted", patches.deleted_clusters),
    Gap(
        "aws_ecs_service",
        "forgets shells, deployments, capacity providers, managed tags and grace periods: plans never end",
        patches.ecs_service,
    ),
    Gap("aws_grafana_workspace", "has nothing of it", monitoring.grafana),
    Gap("aws_launch_template", "takes its tags for those of what it launches: plans never end", patches.template_tags),
    Gap("aws_prometheus_alert_manager_definition", "has nothing of it", monitoring.alert_manager),
    Gap("aws_prometheus_workspace", "forgets its KMS key: plans never end", patches.prometheus_key),
    Gap(
        "aws_rds_cluster",
        "invents a scaling configuration that Serverless v2 hasn't: plans never end",
        patches.rds_scaling,
    ),
    Gap("aws_rds_cluster_instance", "forgets Performance Insights: plans never end", patches.rds_insights),
    Gap(
        "aws_s3_bucket_notification",
        "doesn't say that events go to EventBridge: plans never end",
        patches.bucket_events,
    ),
    Gap(
        "aws_s3_bucket_policy",
        "overlooks conditions, and so refuses everybody what is refused without TLS",
        patches.bucket_policy,
    ),
    Gap(
        "aws_service_discovery_private_dns_namespace",
        "leaves its hosted zone behind",
        patches.namespace_zone,
    ),
    Gap(
        "aws_vpc_security_group_ingress_rule", "forgets a rule's description: plans never end", patches.rule_description
    ),
)


def close() -> None:
    """Closes every gap, in the process that serves."""
    for gap in GAPS:
        gap.close()
