"""MinIO's users may do what SeaweedFS's bucket policies allow the same identities, and nothing else."""

import socket
import threading
from contextlib import closing

import pytest
from urllib3 import PoolManager

from lab.base.errors import ServiceUnavailable
from lab.services.minio_identities import identity_policy, provision_identities
from lab.services.provision import bucket_policy
from lab.services.provision_command import BucketSettings
from lab.services.s3 import MLFLOW, PIPELINE, READER
from tests.support.ports import reserved_port

SECRETS = {f"s3_{name}": "a-secret-of-16-chars" for name in ("admin", "pipeline", "mlflow", "reader")}
SHAPE = BucketSettings("data", "artifacts", "audit", "governance/audit/", 30)


def allowed(identity: str) -> set[tuple[str, str]]:
    statements = identity_policy(SHAPE, identity)["Statement"]
    return {
        (action, resource) for one in statements if one["Effect"] == "Allow"
        for action in one["Action"] for resource in [one["Resource"]]
    }  # fmt: skip


@pytest.mark.parametrize("identity", [PIPELINE, MLFLOW, READER])
def test_every_statement_about_an_identity_is_taken_over_without_its_principal(identity: str) -> None:
    about = [
        statement
        for bucket in ("data", "artifacts", "audit")
        for statement in bucket_policy(SHAPE, bucket)["Statement"]
        if any(arn.endswith(f"user/{identity}") for arn in statement["Principal"]["AWS"])
    ]
    taken = identity_policy(SHAPE, identity)["Statement"]

    assert len(taken) == len(about) > 0
    assert all("Principal" not in statement for statement in taken)
    assert [{**old, "Principal": None} for old in about] == [{**new, "Principal": None} for new in taken]


def test_nobody_may_delete_or_unlock_an_entry() -> None:
    for identity in (PIPELINE, MLFLOW, READER):
        rights = {action for action, resource in allowed(identity) if resource.startswith("arn:aws:s3:::audit")}
        assert not {
            action
            for action in rights
            if "Delete" in action or "Bypass" in action or action.startswith("s3:PutObjectRet")
        }


def test_only_the_pipeline_may_write_entries_and_mlflow_sees_none() -> None:
    writers = {who for who in (PIPELINE, MLFLOW, READER) for action, resource in allowed(who)
               if action == "s3:PutObject" and resource.startswith("arn:aws:s3:::audit/")}  # fmt: skip
    assert writers == {PIPELINE}
    assert not {resource for _, resource in allowed(MLFLOW) if resource.startswith("arn:aws:s3:::audit")}


def test_copying_into_the_trail_is_denied_to_the_pipeline() -> None:
    denied = [one for one in identity_policy(SHAPE, PIPELINE)["Statement"] if one["Effect"] == "Deny"]
    assert [one["Condition"] for one in denied] == [{"Null": {"s3:x-amz-copy-source": "false"}}]


def test_a_connection_that_is_refused_is_told() -> None:
    with reserved_port() as port:
        made = provision_identities(f"http://127.0.0.1:{port}", SHAPE, SECRETS, PoolManager(retries=False))
    with pytest.raises(ServiceUnavailable, match="MinIO doesn't answer") as caught:
        list(made)
    assert "invoke logs object-store" in caught.value.remedy


def test_a_connection_that_is_lost_is_told() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def hang_up() -> None:
            visitor, _ = server.accept()
            with visitor:
                visitor.recv(1000)

        thread = threading.Thread(target=hang_up)
        thread.start()
        made = provision_identities(
            f"http://127.0.0.1:{server.getsockname()[1]}", SHAPE, SECRETS, PoolManager(retries=False)
        )
        with pytest.raises(ServiceUnavailable, match="MinIO doesn't answer"):
            list(made)
        thread.join()
