bucket = "mlops-lab-state-staging"
key    = "staging/terraform.tfstate"
region = "eu-west-1"
