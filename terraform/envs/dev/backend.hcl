bucket = "mlops-lab-state-dev"
key    = "dev/terraform.tfstate"
region = "eu-west-1"
