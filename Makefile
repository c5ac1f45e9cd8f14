# The commands of this project. Each shows its steps and says what to do next.
.DEFAULT_GOAL := help
SHELL := /bin/bash
run := scripts/mandates

.PHONY: help up down dev rebuild announce audit test test-pull test-all test-production lint unit e2e bench clean lock

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## bring up the cluster with CRM and IoT; IMAGES=auto|pull|build, CLUSTER=name
	@$(run) up

down: ## delete the cluster
	@$(run) down

dev: ## bring it up, then rebuild and deploy at each edit
	@$(run) dev

rebuild: ## fill a new read model from the topic and switch to it; STORE=statestore|durable-statestore
	@scripts/rebuild $(STORE)

announce: ## let CRM tell every level again, until CRM, the topic and IoT agree
	@scripts/announce

audit: ## compare CRM, the topic and IoT
	@scripts/audit

test: ## everything: lint, types, unit, charts, end-to-end on a cluster of its own
	@$(run) check

test-production: ## the production form on four nodes, one of them stopped hard: figures, and what is checked
	@$(run) check production

lint: ## style, types, shell, Containerfiles, YAML
	@$(run) check lint

unit: ## the tests that need no cluster
	@$(run) check unit

e2e: ## the end-to-end suite; KEEP=1 keeps its cluster for the next run
	@$(run) check e2e

test-pull: ## the way with image registries, on hosts and registries of our own: Podman, then Docker
	@$(run) check pull

test-all: ## all of test and test-pull, and the end-to-end suite on the way with registries; about 1.5 hours
	@$(run) check lint unit e2e pull pull-all

bench: ## measure the services on real parts, and on the cluster if it is up; report in bench/report.md
	@$(run) exec python -m bench

clean: ## delete the cluster and all that was built
	@$(run) clean

lock: ## write the lock files anew from the pyproject files
	@$(run) lock
