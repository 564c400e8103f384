# A group per tier. What isn't written here can't connect.
locals {
  tiers = {
    load-balancer = "load balancer: the only part that people's machines reach"
    service       = "services of the lab"
    run           = "runs and training jobs: code of data scientists"
    database      = "Aurora"
    endpoint      = "endpoints of AWS services"
  }
  https    = { from = 443, to = 443 }
  postgres = { from = 5432, to = 5432 }
  # Rules between two tiers, written once and made on both sides.
  between = merge(
    { for name, port in var.page_ports : "load-balancer-${name}" => {
      source = "load-balancer", target = "service", from = port, to = port, why = "pages of ${name}, after the login"
    } },
    { for name, port in var.service_ports : "service-${name}" => {
      source = "service", target = "service", from = port, to = port, why = "${name}, as other services call it"
    } },
    { for name, port in var.run_ports : "run-${name}" => {
      source = "run", target = "service", from = port, to = port, why = "${name}, as runs call it"
    } },
    {
      service-database = merge(local.postgres, { source = "service", target = "database", why = "metadata of Dagster and MLflow" })
      run-database     = merge(local.postgres, { source = "run", target = "database", why = "Dagster's event log, which each run writes" })
      service-endpoint = merge(local.https, { source = "service", target = "endpoint", why = "images, logs and secrets" })
      run-endpoint     = merge(local.https, { source = "run", target = "endpoint", why = "images, logs and secrets" })
    },
  )
  # Who may leave the VPC, on one port.
  leaving = {
    load-balancer = "OIDC provider: code for token"
    service       = "AWS services without an endpoint"
    run           = "AWS services without an endpoint"
  }
}

resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5:it can't follow them into other modules, where each is attached
  for_each    = local.tiers
  name        = "${var.name}-${each.key}"
  description = each.value
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "client" {
  for_each          = { for pair in setproduct(var.client_cidrs, [80, 443]) : "${pair[0]}-${pair[1]}" => { cidr = pair[0], port = pair[1] } }
  security_group_id = aws_security_group.this["load-balancer"].id
  cidr_ipv4         = each.value.cidr
  from_port         = each.value.port
  to_port           = each.value.port
  ip_protocol       = "tcp"
  description       = each.value.port == 80 ? "browsers, sent on to https" : "browsers"
}

resource "aws_vpc_security_group_ingress_rule" "between" {
  for_each                     = local.between
  security_group_id            = aws_security_group.this[each.value.target].id
  referenced_security_group_id = aws_security_group.this[each.value.source].id
  from_port                    = each.value.from
  to_port                      = each.value.to
  ip_protocol                  = "tcp"
  description                  = "from ${each.value.source}: ${each.value.why}"
}

resource "aws_vpc_security_group_egress_rule" "between" {
  for_each                     = local.between
  security_group_id            = aws_security_group.this[each.value.source].id
  referenced_security_group_id = aws_security_group.this[each.value.target].id
  from_port                    = each.value.from
  to_port                      = each.value.to
  ip_protocol                  = "tcp"
  description                  = "to ${each.value.target}: ${each.value.why}"
}

# The S3 gateway is reached by public addresses, too: the route table keeps that traffic inside.
resource "aws_vpc_security_group_egress_rule" "leaving" {
  for_each          = local.leaving
  security_group_id = aws_security_group.this[each.key].id
  cidr_ipv4         = "0.0.0.0/0"
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
  description       = each.value
}
