mock_provider "aws" {
  source = "./mocks"
}

variables {
  passwords         = { dagster = "not-a-secret", mlflow = "not-a-secret" }
  name              = "mlops-test"
  subnet_ids        = ["subnet-1", "subnet-2"]
  security_group_id = "sg-1"
  capacity          = { min = 0.5, max = 4 }
}

run "protected_unless_told_otherwise" {
  command = plan

  module {
    source = "../modules/database"
  }

  assert {
    condition = (
      aws_rds_cluster.this.deletion_protection && !aws_rds_cluster.this.skip_final_snapshot
      && aws_rds_cluster.this.final_snapshot_identifier == "mlops-test-final"
    )
    error_message = "It can't be deleted, and leaves a snapshot."
  }

  assert {
    condition     = aws_rds_cluster.this.storage_encrypted && aws_rds_cluster.this.manage_master_user_password && aws_rds_cluster.this.iam_database_authentication_enabled
    error_message = "It is encrypted, and RDS rotates the superuser's password."
  }
}

run "dev_can_be_torn_down" {
  command = plan

  module {
    source = "../modules/database"
  }

  variables {
    protected = false
  }

  assert {
    condition     = !aws_rds_cluster.this.deletion_protection && aws_rds_cluster.this.skip_final_snapshot && aws_rds_cluster.this.final_snapshot_identifier == null
    error_message = "Unprotected, it goes without a trace."
  }
}

run "parameters_fit_the_engine" {
  command = plan

  module {
    source = "../modules/database"
  }

  variables {
    engine_version = "16.9"
    instance_count = 2
  }

  assert {
    condition     = aws_rds_cluster_parameter_group.this.family == "aurora-postgresql16" && length(aws_rds_cluster_instance.this) == 2
    error_message = "The parameter group is of the engine's major version."
  }
}

run "no_such_engine" {
  command = plan

  module {
    source = "../modules/database"
  }

  variables {
    engine_version = "99.1"
  }

  expect_failures = [var.engine_version]
}

run "one_zone_is_refused" {
  command = plan

  module {
    source = "../modules/database"
  }

  variables {
    subnet_ids = ["subnet-1"]
  }

  expect_failures = [var.subnet_ids]
}

run "capacity_is_in_halves" {
  command = plan

  module {
    source = "../modules/database"
  }

  variables {
    capacity = { min = 0.3, max = 4 }
  }

  expect_failures = [var.capacity]
}
