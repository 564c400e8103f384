# Everything that makes this environment what it is. The other files of this folder are the same in all of them.
locals {
  region = "eu-west-1"
  # Accounts: the lab's own is the one whose credentials are used; the others are reached by a role in them.
  audit_account_id   = "211111111111"
  witness_account_id = "311111111111"
  people_account_id  = "444444444444"
  look_prefix        = "mlops-dev-look"
}

provider "aws" {
  region              = local.region
  allowed_account_ids = ["111111111111"]

  default_tags {
    tags = { Project = "mlops-lab", Environment = "dev", ManagedBy = "terraform" }
  }
}

provider "aws" {
  alias  = "audit"
  region = local.region

  assume_role {
    role_arn = "arn:aws:iam::${local.audit_account_id}:role/${var.look_only ? local.look_prefix : "mlops-lab"}-audit"
  }

  default_tags {
    tags = { Project = "mlops-lab", Environment = "dev", ManagedBy = "terraform" }
  }
}

provider "aws" {
  alias  = "witness"
  region = local.region

  assume_role {
    role_arn = "arn:aws:iam::${local.witness_account_id}:role/${var.look_only ? local.look_prefix : "mlops-lab"}-witness"
  }

  default_tags {
    tags = { Project = "mlops-lab", Environment = "dev", ManagedBy = "terraform" }
  }
}

# Never in a plan or in the state; what becomes of them is in modules/secret.
ephemeral "aws_secretsmanager_random_password" "database" {
  for_each            = toset(["dagster", "mlflow"])
  password_length     = 40
  exclude_punctuation = true
}

module "lab" {
  source = "../../modules/lab"

  environment          = "dev"
  region               = local.region
  domain               = "dev.lab.example.com"
  image_tag            = var.image_tag
  audit_retention_days = 30
  log_retention_days   = 90
  runners              = ["analyst", "data-scientist", "ml-engineer", "risk-officer", "platform-admin"]
  spot                 = true
  monthly_usd          = 500
  office_hours         = { start = "0 7 ? * MON-FRI *", end = "0 20 * * ? *", timezone = "Europe/Berlin" }

  network = {
    cidr         = "10.40.0.0/16"
    zone_count   = 2
    nat_per_zone = false
    client_cidrs = ["10.0.0.0/8"]
  }

  database = {
    capacity       = { min = 0, max = 4 }
    instance_count = 1
    backup_days    = 7
  }

  scaling = {
    dagster      = { min = 1, max = 2, cpu = 60 }
    dagster-code = { min = 1, max = 2, queue = 10 }
    mlflow       = { min = 1, max = 2, cpu = 60 }
  }

  passwords = { for client, password in ephemeral.aws_secretsmanager_random_password.database : client => password.random_password }

  training = {
    limits = { fargate = 32, ec2 = 64 }
  }

  people_account_id  = local.people_account_id
  repository         = "example/mlops-lab"
  state_bucket       = "mlops-lab-state-dev"
  alert_emails       = ["lab-dev@example.com"]
  oidc_client_secret = var.oidc_client_secret

  oidc = {
    issuer                 = "https://login.example.com"
    authorization_endpoint = "https://login.example.com/authorize"
    token_endpoint         = "https://login.example.com/token"
    user_info_endpoint     = "https://login.example.com/userinfo"
    client_id              = "mlops-lab-dev"
  }

  providers = {
    aws         = aws
    aws.audit   = aws.audit
    aws.witness = aws.witness
  }
}
