"""Patches of the emulator, one per gap; `gaps` says why each is there."""

import json
import re
from types import SimpleNamespace
from typing import Any


def autoscaling_tags() -> None:
    from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse as Response

    tags: dict[str, dict[str, str]] = {}
    register: Any = Response.register_scalable_target

    def own(self: Any) -> dict[str, str]:
        return tags.setdefault(self._get_param("ResourceARN"), {})

    def register_scalable_target(self: Any) -> str:
        answer: str = register(self)
        tags.setdefault(json.loads(answer)["ScalableTargetARN"], {}).update(self._get_param("Tags") or {})
        return answer

    def tag(self: Any) -> str:
        own(self).update(self._get_param("Tags"))
        return "{}"

    def untag(self: Any) -> str:
        for key in self._get_param("TagKeys"):
            own(self).pop(key, None)
        return "{}"

    _set(Response, "register_scalable_target", register_scalable_target)
    _set(Response, "list_tags_for_resource", lambda self: json.dumps({"Tags": own(self)}))
    _set(Response, "tag_resource", tag)
    _set(Response, "untag_resource", untag)


def budgets() -> None:
    from moto.budgets.responses import BudgetsResponse as Response

    tags: dict[str, Any] = {}
    create: Any = Response.create_budget

    def create_budget(self: Any) -> Any:
        tags[self._get_param("Budget")["BudgetName"]] = self._get_param("ResourceTags") or []
        return create(self)

    def subscribers(self: Any) -> str:
        wanted = self._get_param("Notification")
        budget = self.backend.budgets[self._get_param("AccountId")].get(self._get_param("BudgetName"))
        for known in budget.notifications if budget else []:
            if all(known.details.get(key) == value for key, value in wanted.items()):
                return json.dumps({"Subscribers": known.subscribers})
        return json.dumps({"Subscribers": []})

    def list_tags(self: Any) -> str:
        return json.dumps({"ResourceTags": tags.get(self._get_param("ResourceARN").split("/")[-1], [])})

    _set(Response, "create_budget", create_budget)
    _set(Response, "describe_subscribers_for_notification", subscribers)
    _set(Response, "list_tags_for_resource", list_tags)


def prometheus_key() -> None:
    from moto.amp.models import Workspace
    from moto.amp.responses import PrometheusServiceResponse as Response

    keys: dict[str, str] = {}
    create: Any = Response.create_workspace
    known: Any = Workspace.to_dict

    def create_workspace(self: Any) -> str:
        answer: str = create(self)
        if key := json.loads(self.body).get("kmsKeyArn"):
            keys[json.loads(answer)["arn"]] = key
        return answer

    def to_dict(self: Any) -> dict[str, Any]:
        return known(self) | ({"kmsKeyArn": keys[self.arn]} if self.arn in keys else {})

    _set(Response, "create_workspace", create_workspace)
    _set(Workspace, "to_dict", to_dict)


def trail_by_arn() -> None:
    from moto.cloudtrail.models import CloudTrailBackend as Backend

    delete: Any = Backend.delete_trail
    _set(Backend, "delete_trail", lambda self, name: delete(self, name.rpartition("/")[2]))


def deleted_clusters() -> None:
    from moto.ecs.models import EC2ContainerServiceBackend as Backend

    def list_clusters(self: Any) -> list[str]:
        return [cluster.arn for cluster in self.clusters.values() if cluster.status == "ACTIVE"]

    _set(Backend, "list_clusters", list_clusters)


def ecs_service() -> None:
    from moto.ecs.responses import EC2ContainerServiceResponse as Response

    kept = {
        "enableExecuteCommand": "enable_execute_command",
        "availabilityZoneRebalancing": "availability_zone_rebalancing",
        "deploymentConfiguration": "deployment_configuration",
        "capacityProviderStrategy": "capacity_provider_strategy",
        "enableECSManagedTags": "enable_ecs_managed_tags",
        "healthCheckGracePeriodSeconds": "health_check_grace_period_seconds",
    }

    def keeping(original: Any) -> Any:
        def call(self: Any) -> Any:
            answer = original(self)
            for parameter, attribute in kept.items():
                if (value := self._get_param(parameter)) is not None:
                    setattr(answer.result["service"], attribute, value)
            return answer

        return call

    _set(Response, "create_service", keeping(Response.create_service))
    _set(Response, "update_service", keeping(Response.update_service))


def rds_scaling() -> None:
    from moto.rds.models import DBCluster

    known: Any = DBCluster.scaling_configuration_info
    only_v1 = property(lambda self: known.fget(self) if self.engine_mode == "serverless" else None)
    _set(DBCluster, "scaling_configuration_info", only_v1)


def rds_insights() -> None:
    from moto.rds.models import DBInstance

    init: Any = DBInstance.__init__

    def remember(self: Any, *arguments: Any, **options: Any) -> None:
        init(self, *arguments, **options)
        enabled = bool(options.get("enable_performance_insights"))
        self.performance_insights_enabled = enabled
        self.performance_insights_kms_key_id = options.get("performance_insights_kms_key_id")
        days = options.get("performance_insights_retention_period")
        self.performance_insights_retention_period = days or (7 if enabled else None)

    _set(DBInstance, "__init__", remember)


def namespace_zone() -> None:
    from moto.route53.models import route53_backends
    from moto.servicediscovery.models import ServiceDiscoveryBackend as Backend

    delete: Any = Backend.delete_namespace

    def delete_namespace(self: Any, namespace_id: str) -> Any:
        zone = self.get_namespace(namespace_id).dns_properties["HostedZoneId"]
        route53_backends[self.account_id]["aws"].delete_hosted_zone(zone)
        return delete(self, namespace_id)

    _set(Backend, "delete_namespace", delete_namespace)


def bucket_events() -> None:
    from moto.s3.responses import S3Response as Response

    ask: Any = Response.get_bucket_notification
    element = "<EventBridgeConfiguration></EventBridgeConfiguration>"

    def add(body: str) -> str:
        if "EventBridgeConfiguration" in body:
            return body
        body = re.sub(
            r"<NotificationConfiguration([^>]*)/>", r"<NotificationConfiguration\1></NotificationConfiguration>", body
        )
        return body.replace("</NotificationConfiguration>", f"{element}</NotificationConfiguration>")

    def get_bucket_notification(self: Any) -> Any:
        known = self.backend.get_bucket_notification_configuration(self.bucket_name)
        if known is not None and known.event_bridge is not None:
            write = self.serialized

            def serialized(result: Any) -> Any:
                status, headers, body = write(result)
                return status, headers, add(body)

            self.serialized = serialized
        return ask(self)

    _set(Response, "get_bucket_notification", get_bucket_notification)


def bucket_policy() -> None:
    from moto.s3.models import FakeBucket

    ask: Any = FakeBucket.get_permission

    def get_permission(bucket: Any, action: str, resource: str) -> Any:
        if bucket.policy is None:
            return ask(bucket, action, resource)
        policy = json.loads(bucket.policy)
        policy["Statement"] = [one for one in policy["Statement"] if "Condition" not in one]
        unconditional = json.dumps(policy).encode() if policy["Statement"] else None
        return ask(SimpleNamespace(policy=unconditional), action, resource)

    _set(FakeBucket, "get_permission", get_permission)


def template_tags() -> None:
    from moto.ec2.models.launch_templates import LaunchTemplateBackend as Backend

    create: Any = Backend.create_launch_template

    def create_launch_template(self: Any, name: str, description: str, data: dict[str, Any], tags: Any) -> Any:
        launched = [one for one in data.pop("TagSpecifications", []) if one["ResourceType"] != "launch-template"]
        return create(self, name, description, data | ({"TagSpecifications": launched} if launched else {}), tags)

    _set(Backend, "create_launch_template", create_launch_template)


def rule_description() -> None:
    from moto.ec2.models.security_groups import SecurityGroupRule

    def description(rule: Any) -> Any:
        return rule.ip_range.get("Description") or (rule.source_group or {}).get("Description")

    _set(SecurityGroupRule, "description", property(description))


def _set(where: Any, name: str, value: Any) -> None:
    """Replaces what moto has under this name."""
    setattr(where, name, value)
