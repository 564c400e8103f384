mock_provider "aws" {
  source = "./mocks"
}

variables {
  name         = "mlops-test"
  repositories = ["pipelines", "mlflow"]
}

run "a_tag_is_one_image_for_ever" {
  command = plan

  module {
    source = "../modules/registry"
  }

  assert {
    condition = alltrue([for repository in aws_ecr_repository.this :
      repository.image_tag_mutability == "IMMUTABLE" && repository.image_scanning_configuration[0].scan_on_push && !repository.force_delete
    ])
    error_message = "Tags are immutable, images are scanned, and stay."
  }

  assert {
    condition     = jsondecode(aws_ecr_lifecycle_policy.this["mlflow"].policy).rules[1].selection.countNumber == 30
    error_message = "Thirty images stay."
  }
}

run "a_way_back_stays" {
  command = plan

  module {
    source = "../modules/registry"
  }

  variables {
    keep = 1
  }

  expect_failures = [var.keep]
}
