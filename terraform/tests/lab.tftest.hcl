# The whole, with what the environments' values must not be.
mock_provider "aws" {
  source = "./mocks"
}

mock_provider "aws" {
  alias  = "audit"
  source = "./mocks"
}

mock_provider "aws" {
  alias  = "witness"
  source = "./mocks"
}

variables {
  passwords            = { dagster = "not-a-secret", mlflow = "not-a-secret" }
  environment          = "prod"
  region               = "eu-west-1"
  domain               = "lab.example.com"
  image_tag            = "1.0.0"
  network              = { cidr = "10.42.0.0/16", zone_count = 3, nat_per_zone = true, client_cidrs = ["10.0.0.0/8"] }
  database             = { capacity = { min = 1, max = 8 }, instance_count = 2, backup_days = 35 }
  scaling              = { mlflow = { min = 2, max = 4, cpu = 60 } }
  spot                 = false
  training             = { limits = { fargate = 16, ec2 = 64 } }
  audit_retention_days = 3650
  log_retention_days   = 731
  runners              = ["ml-engineer", "platform-admin"]
  people_account_id    = "444444444444"
  repository           = "example/mlops-lab"
  state_bucket         = "state"
  oidc_client_secret   = "not-a-secret"
  alert_emails         = ["lab@example.com"]
  monthly_usd          = 100

  oidc = {
    issuer                 = "https://login.example.com"
    authorization_endpoint = "https://login.example.com/authorize"
    token_endpoint         = "https://login.example.com/token"
    user_info_endpoint     = "https://login.example.com/userinfo"
    client_id              = "lab"
  }
}

run "prod" {
  command = apply

  module {
    source = "../modules/lab"
  }

  providers = {
    aws         = aws
    aws.audit   = aws.audit
    aws.witness = aws.witness
  }

  assert {
    condition     = strcontains(output.settings, "ENVIRONMENT=prod\n") && strcontains(output.settings, "ALLOWED_PROD_ROLES=ml-engineer,platform-admin\n")
    error_message = "The settings say who may run."
  }

  assert {
    condition     = output.run_launcher.container_name == "run-ml-engineer"
    error_message = "Scheduled runs run as the one who was named."
  }
}

run "what_prod_cant_be" {
  command = plan

  module {
    source = "../modules/lab"
  }

  providers = {
    aws         = aws
    aws.audit   = aws.audit
    aws.witness = aws.witness
  }

  variables {
    network              = { cidr = "10.42.0.0/16", zone_count = 2, nat_per_zone = false, client_cidrs = ["10.0.0.0/8"] }
    database             = { capacity = { min = 1, max = 8 }, instance_count = 1, backup_days = 7 }
    spot                 = true
    audit_retention_days = 30
    log_retention_days   = 90
    runners              = ["analyst"]
    office_hours         = { start = "0 7 ? * MON-FRI *", end = "0 20 * * ? *", timezone = "UTC" }
    image_tag            = "latest"
    scaling              = { dagster-daemon = { min = 1, max = 2, cpu = 60 } }
    training             = { backend = "somewhere", limits = { fargate = 16, ec2 = 64 } }
  }

  expect_failures = [
    var.network, var.database, var.spot, var.audit_retention_days, var.log_retention_days, var.runners,
    var.office_hours, var.image_tag, var.scaling, var.training,
  ]
}

run "another_environment_is_refused" {
  command = plan

  module {
    source = "../modules/lab"
  }

  providers = {
    aws         = aws
    aws.audit   = aws.audit
    aws.witness = aws.witness
  }

  variables {
    environment = "qa"
  }

  expect_failures = [var.environment]
}
