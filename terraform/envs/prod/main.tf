# Everything that makes this environment what it is. The other files of this folder are the same in all of them.
locals {
  region = "eu-west-1"
  # Accounts: the lab's own is the one whose credentials are used; the others are reached by a role in them.
  audit_account_id   = "233333333333"
  witness_account_id = "333333333333"
  people_account_id  = "444444444444"
  look_prefix        = "mlops-prod-look"
}

provider "aws" {
  region              = local.region
  allowed_account_ids = ["133333333333"]

  default_tags {
    tags = { Project = "mlops-lab", Environment = "prod", ManagedBy = "terraform" }
  }
}

provider "aws" {
  alias  = "audit"
  region = local.region

  assume_role {
    role_arn = "arn:aws:iam::${local.audit_account_id}:role/${var.look_only ? local.look_prefix : "mlops-lab"}-audit"
  }

  default_tags {
    tags = { Project = "mlops-lab", Environment = "prod", ManagedBy = "terraform" }
  }
}

provider "aws" {
  alias  = "witness"
  region = local.region

  assume_role {
    role_arn = "arn:aws:iam::${local.witness_account_id}:role/${var.look_only ? local.look_prefix : "mlops-lab"}-witness"
  }

  default_tags {
    tags = { Project = "mlops-lab", Environment = "prod", ManagedBy = "terraform" }
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

  environment          = "prod"
  region               = local.region
  domain               = "lab.example.com"
  image_tag            = var.image_tag
  audit_retention_days = 3650
  log_retention_days   = 731
  runners              = ["ml-engineer", "platform-admin"]
  spot                 = false
  monthly_usd          = 4000
  office_hours         = null

  network = {
    cidr         = "10.42.0.0/16"
    zone_count   = 3
    nat_per_zone = true
    client_cidrs = ["10.0.0.0/8"]
  }

  database = {
    capacity       = { min = 1, max = 32 }
    instance_count = 2
    backup_days    = 35
  }

  scaling = {
    dagster      = { min = 2, max = 6, cpu = 60 }
    dagster-code = { min = 2, max = 6, queue = 10 }
    mlflow       = { min = 2, max = 6, cpu = 60 }
  }

  passwords = { for client, password in ephemeral.aws_secretsmanager_random_password.database : client => password.random_password }

  training = {
    limits = { fargate = 256, ec2 = 512 }
  }

  people_account_id  = local.people_account_id
  repository         = "example/mlops-lab"
  state_bucket       = "mlops-lab-state-prod"
  alert_emails       = ["lab-oncall@example.com"]
  oidc_client_secret = var.oidc_client_secret

  oidc = {
    issuer                 = "https://login.example.com"
    authorization_endpoint = "https://login.example.com/authorize"
    token_endpoint         = "https://login.example.com/token"
    user_info_endpoint     = "https://login.example.com/userinfo"
    client_id              = "mlops-lab-prod"
  }

  providers = {
    aws         = aws
    aws.audit   = aws.audit
    aws.witness = aws.witness
  }
}
