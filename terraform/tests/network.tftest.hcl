mock_provider "aws" {
  source = "./mocks"
}

variables {
  name          = "mlops-test"
  region        = "eu-west-1"
  cidr          = "10.40.0.0/16"
  client_cidrs  = ["10.0.0.0/8"]
  page_ports    = { dagster = 3000 }
  service_ports = { mlflow = 5000 }
  run_ports     = { mlflow = 5000 }
  log_key_arn   = "arn:aws:kms:eu-west-1:123456789012:key/log"
}

run "one_way_out_by_default" {
  command = plan

  module {
    source = "../modules/network"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_subnet.private) == 2
    error_message = "Two zones share one NAT."
  }

  assert {
    condition     = length(setintersection(aws_subnet.public[*].cidr_block, concat(aws_subnet.private[*].cidr_block, aws_subnet.database[*].cidr_block))) == 0
    error_message = "No subnet has another's addresses."
  }
}

run "a_way_out_per_zone" {
  command = plan

  module {
    source = "../modules/network"
  }

  variables {
    zone_count   = 3
    nat_per_zone = true
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3 && length(aws_route.private) == 3
    error_message = "Each zone has a NAT of its own."
  }
}

run "rules_are_on_both_sides_and_say_why" {
  command = plan

  module {
    source = "../modules/network"
  }

  assert {
    condition     = keys(aws_vpc_security_group_ingress_rule.between) == keys(aws_vpc_security_group_egress_rule.between)
    error_message = "What may leave one tier may enter the other."
  }

  assert {
    condition = alltrue([for rule in concat(
      values(aws_vpc_security_group_ingress_rule.between), values(aws_vpc_security_group_ingress_rule.client),
    ) : length(rule.description) > 5])
    error_message = "Every rule is annotated."
  }

  assert {
    condition     = length([for name, rule in aws_vpc_security_group_egress_rule.leaving : name if name == "database"]) == 0
    error_message = "The database has no way out."
  }
}

run "the_internet_is_no_client" {
  command = plan

  module {
    source = "../modules/network"
  }

  variables {
    client_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.client_cidrs]
}

run "one_zone_is_refused" {
  command = plan

  module {
    source = "../modules/network"
  }

  variables {
    zone_count = 1
  }

  expect_failures = [var.zone_count]
}
