"""Mistakes that AWS refuses and the emulator takes: each rule finds one kind in a plan."""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from tests.support.aws.plan import Plan, Resource, listed

Rule = Callable[[Plan], Iterator[str]]
RULES: dict[str, Rule] = {}
# CPU units → MiB that Fargate offers with them.
_FARGATE = {
    256: (512, 1024, 2048),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}
# Releases of Aurora PostgreSQL that AWS offered in November 2026, by major version.
_AURORA = {"16": range(6, 12), "17": range(4, 8)}
# Where a role is named → who must be able to take it on.
_TRUSTED = {
    ("aws_ecs_task_definition", "task_role_arn"): "ecs-tasks.amazonaws.com",
    ("aws_ecs_task_definition", "execution_role_arn"): "ecs-tasks.amazonaws.com",
    ("aws_flow_log", "iam_role_arn"): "vpc-flow-logs.amazonaws.com",
    ("aws_rds_cluster_instance", "monitoring_role_arn"): "monitoring.rds.amazonaws.com",
    ("aws_batch_compute_environment", "service_role"): "batch.amazonaws.com",
    ("aws_grafana_workspace", "role_arn"): "grafana.amazonaws.com",
    ("aws_cloudwatch_event_target", "role_arn"): "events.amazonaws.com",
}


def rule(check: Rule) -> Rule:
    """Enters it under its name."""
    RULES[check.__name__] = check
    return check


@rule
def fargate_sizes(plan: Plan) -> Iterator[str]:
    """Fargate offers pairs of CPU and memory."""
    for task in plan.of("aws_ecs_task_definition"):
        yield from _size(task, int(task.values["cpu"]), int(task.values["memory"]))


@rule
def batch_sizes(plan: Plan) -> Iterator[str]:
    """Batch on Fargate offers the same pairs."""
    for job in plan.of("aws_batch_job_definition"):
        if "FARGATE" in job.values["platform_capabilities"]:
            asked = {one["type"]: one["value"] for one in _container(job)["resourceRequirements"]}
            yield from _size(job, int(float(asked["VCPU"]) * 1024), int(asked["MEMORY"]))


def _size(resource: Resource, cpu: int, memory: int) -> Iterator[str]:
    if memory not in _FARGATE.get(cpu, ()):
        yield f"{resource.name}: Fargate has no {cpu} CPU units with {memory} MiB"


def _container(job: Resource) -> dict[str, Any]:
    properties: dict[str, Any] = json.loads(job.values["container_properties"])
    return properties


@rule
def iam_actions(plan: Plan) -> Iterator[str]:
    """An action that doesn't exist grants, and denies, nothing."""
    for policy in plan.policies():
        for statement in policy.statements:
            for action in listed(statement.get("Action", [])):
                if not _known(action):
                    yield f"{policy.resource.name}: {action} is no action"


@cache
def _actions() -> frozenset[str]:
    from policy_sentry.querying.actions import get_actions_for_service
    from policy_sentry.querying.all import get_all_service_prefixes

    return frozenset(action.lower() for name in get_all_service_prefixes() for action in get_actions_for_service(name))


@cache
def _known(action: str) -> bool:
    if action == "*":
        return True
    pattern = re.compile(re.escape(action.lower()).replace(r"\*", ".*").replace(r"\?", "."))
    return any(pattern.fullmatch(one) for one in _actions())


@rule
def engine_versions(plan: Plan) -> Iterator[str]:
    """RDS makes nothing of a release that it doesn't offer, or with another one's parameters."""
    families = {group.values["family"] for group in plan.of("aws_rds_cluster_parameter_group")}
    for database in plan.of("aws_rds_cluster", "aws_rds_cluster_instance"):
        major, _, minor = database.values["engine_version"].partition(".")
        if not minor.isdecimal() or int(minor) not in _AURORA.get(major, ()):
            yield f"{database.name}: there is no Aurora PostgreSQL {database.values['engine_version']}"
        elif f"aurora-postgresql{major}" not in families:
            yield f"{database.name}: its parameter group is of another major version"


@rule
def port_ranges(plan: Plan) -> Iterator[str]:
    """A range begins at its lower end."""
    for one in plan.of("aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule"):
        begin, end = one.values["from_port"], one.values["to_port"]
        if begin is not None and not 0 <= begin <= end <= 65535:
            yield f"{one.name}: {begin} to {end} is no range of ports"


@rule
def trusted_services(plan: Plan) -> Iterator[str]:
    """A service can't take on a role that trusts another one."""
    for resource in plan.resources:
        for (kind, attribute), service in _TRUSTED.items():
            role = plan.role(resource.values.get(attribute) or "") if resource.type == kind else None
            if role and service not in _trusts(role):
                yield f"{resource.name}: {service} can't take on {role.name}"


def _trusts(role: Resource) -> set[str]:
    statements = listed(json.loads(role.values["assume_role_policy"])["Statement"])
    principals = (one["Principal"].get("Service", []) for one in statements if one["Effect"] == "Allow")
    return {service for some in principals for service in listed(some)}


@rule
def bucket_policies(plan: Plan) -> Iterator[str]:
    """A bucket's policy speaks of that bucket; S3 refuses any other."""
    for policy in plan.policies():
        if policy.resource.type == "aws_s3_bucket_policy":
            own = f"arn:aws:s3:::{policy.resource.values['bucket']}"
            for statement in policy.statements:
                for arn in listed(statement["Resource"]):
                    if arn != own and not arn.startswith(f"{own}/"):
                        yield f"{policy.resource.name}: speaks of {arn}"


@rule
def load_balancer_zones(plan: Plan) -> Iterator[str]:
    """An application load balancer needs two zones."""
    zones = {one.values["id"]: one.values["availability_zone"] for one in plan.of("aws_subnet")}
    for balancer in plan.of("aws_lb"):
        if len({zones.get(subnet, subnet) for subnet in balancer.values["subnets"]}) < 2:
            yield f"{balancer.name}: has one zone"


@rule
def queues_of_one_kind(plan: Plan) -> Iterator[str]:
    """A queue of Batch mixes neither Fargate with EC2."""
    kinds = {
        one.values["arn"]: "FARGATE" in one.values["compute_resources"][0]["type"]
        for one in plan.of("aws_batch_compute_environment")
    }
    for queue in plan.of("aws_batch_job_queue"):
        order = queue.values["compute_environment_order"]
        if len({kinds.get(one["compute_environment"]) for one in order}) > 1:
            yield f"{queue.name}: mixes Fargate and EC2"


@rule
def workflow_subjects(plan: Plan) -> Iterator[str]:
    """Whoever matches a role's subject can deploy: one repository, no wildcard."""
    for policy in plan.policies():
        for statement in policy.statements:
            if "AssumeRoleWithWebIdentity" in str(statement.get("Action")):
                subjects = listed(statement["Condition"].get("StringEquals", {}).get(_SUBJECT, []))
                if not subjects or not all(re.fullmatch(r"repo:[\w-]+/[\w.-]+:[\w:/.-]+", one) for one in subjects):
                    yield f"{policy.resource.name}: {subjects or 'anybody'} can take it on"


_SUBJECT = "token.actions.githubusercontent.com:sub"
