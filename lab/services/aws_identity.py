"""Who this process is to AWS."""

from functools import lru_cache

from lab.base.errors import ServiceUnavailable


@lru_cache(maxsize=1)
def caller_arn() -> str:
    """The ARN that AWS knows this process by, asked once. Raises ServiceUnavailable when AWS doesn't say."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        # Needs no permission: nobody can be kept from asking who they are.
        return str(boto3.client("sts").get_caller_identity()["Arn"])
    except (BotoCoreError, ClientError) as err:
        raise ServiceUnavailable(
            f"AWS doesn't say whose credentials these are: {err}.",
            "Look at the task's role, and at the way from its subnet to STS.",
        ) from None
