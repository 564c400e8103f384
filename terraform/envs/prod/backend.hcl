bucket = "mlops-lab-state-prod"
key    = "prod/terraform.tfstate"
region = "eu-west-1"
