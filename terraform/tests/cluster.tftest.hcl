mock_provider "aws" {
  source = "./mocks"
}

variables {
  name               = "mlops-test"
  domain             = "test.example.com"
  zone_id            = "Z1"
  vpc_id             = "vpc-1"
  subnet_ids         = ["subnet-1", "subnet-2"]
  security_group_ids = { load-balancer = "sg-1", service = "sg-2" }
  log_bucket         = "logs"
  oidc_client_secret = "not-a-secret"

  oidc = {
    issuer                 = "https://login.example.com"
    authorization_endpoint = "https://login.example.com/authorize"
    token_endpoint         = "https://login.example.com/token"
    user_info_endpoint     = "https://login.example.com/userinfo"
    client_id              = "lab"
  }

  tasks = {
    page = {
      image     = "registry/page:1.0"
      command   = ["serve"]
      cpu       = 256
      memory    = 512
      port      = 3000
      log_group = "/test/page"
      role_arn  = "arn:aws:iam::123456789012:role/page"
      exec_arn  = "arn:aws:iam::123456789012:role/exec"
      service   = { count = 2, page = "page", health = "/health" }
    }
    alone = {
      image     = "registry/alone:1.0"
      command   = ["run"]
      cpu       = 256
      memory    = 512
      secrets   = { PASSWORD = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:one" }
      log_group = "/test/alone"
      role_arn  = "arn:aws:iam::123456789012:role/alone"
      exec_arn  = "arn:aws:iam::123456789012:role/exec"
      service   = { count = 1, alone = true, spot = true }
    }
    once = {
      image     = "registry/once:1.0"
      command   = ["once"]
      cpu       = 256
      memory    = 512
      log_group = "/test/once"
      role_arn  = "arn:aws:iam::123456789012:role/once"
      exec_arn  = "arn:aws:iam::123456789012:role/exec"
    }
  }
}

run "a_login_stands_before_every_page" {
  command = apply

  module {
    source = "../modules/cluster"
  }

  assert {
    condition = alltrue([for rule in aws_lb_listener_rule.page :
      [for action in sort([for one in rule.action : "${one.order} ${one.type}"]) : action] == ["1 authenticate-oidc", "2 forward"]
    ])
    error_message = "Nobody gets through without having signed in."
  }

  assert {
    condition     = one(aws_lb_listener.https.default_action).type == "fixed-response" && one(aws_lb_listener.http.default_action).type == "redirect"
    error_message = "What has no rule has no page, and nothing is served without TLS."
  }

  assert {
    condition     = output.page_urls == { page = "https://page.test.example.com" }
    error_message = "Its address is given."
  }
}

run "services_and_one_off_tasks" {
  command = apply

  module {
    source = "../modules/cluster"
  }

  assert {
    condition     = keys(aws_ecs_service.this) == ["alone", "page"] && keys(aws_ecs_task_definition.this) == ["alone", "once", "page"]
    error_message = "A task without a service has a definition only."
  }

  assert {
    condition     = aws_ecs_service.this["alone"].deployment_maximum_percent == 100 && aws_ecs_service.this["page"].deployment_maximum_percent == 200
    error_message = "Of what must be alone, the old one goes before the new one comes."
  }

  assert {
    condition     = alltrue([for service in aws_ecs_service.this : service.deployment_circuit_breaker[0].enable && service.deployment_circuit_breaker[0].rollback])
    error_message = "A deployment that doesn't get healthy goes back by itself."
  }

  assert {
    condition     = one(aws_ecs_service.this["alone"].capacity_provider_strategy).capacity_provider == "FARGATE_SPOT"
    error_message = "Spot where it is asked for."
  }

  assert {
    condition = alltrue([for definition in aws_ecs_task_definition.this :
      jsondecode(definition.container_definitions)[0].readonlyRootFilesystem
      && jsondecode(definition.container_definitions)[0].user == "10001:10001"
      && jsondecode(definition.container_definitions)[0].linuxParameters.capabilities.drop[0] == "ALL"
    ])
    error_message = "Nothing runs as root, with a capability or on a writable root file system."
  }

  assert {
    condition     = alltrue([for service in aws_ecs_service.this : !service.enable_execute_command])
    error_message = "No shell unless it is allowed."
  }
}

run "fargate_has_no_such_size" {
  command = plan

  module {
    source = "../modules/cluster"
  }

  variables {
    tasks = {
      large = {
        image     = "registry/large:1.0"
        command   = []
        cpu       = 256
        memory    = 8192
        log_group = "/test/large"
        role_arn  = "arn:aws:iam::123456789012:role/large"
        exec_arn  = "arn:aws:iam::123456789012:role/exec"
      }
    }
  }

  expect_failures = [var.tasks]
}

run "latest_is_no_image" {
  command = plan

  module {
    source = "../modules/cluster"
  }

  variables {
    tasks = {
      any = {
        image     = "registry/any:latest"
        command   = []
        cpu       = 256
        memory    = 512
        log_group = "/test/any"
        role_arn  = "arn:aws:iam::123456789012:role/any"
        exec_arn  = "arn:aws:iam::123456789012:role/exec"
      }
    }
  }

  expect_failures = [var.tasks]
}

run "one_subnet_is_refused" {
  command = plan

  module {
    source = "../modules/cluster"
  }

  variables {
    subnet_ids = ["subnet-1"]
  }

  expect_failures = [var.subnet_ids]
}
