# What a person types. Every target sets up what it needs; only git, make and python3 (3.11 or newer) must be there.
SHELL := /bin/sh
BOOTSTRAP := @devtools/bootstrap.sh
HARNESS := @.venv/bin/harness
.DEFAULT_GOAL := help
.PHONY: help setup demo up down proof proof-real soak chaos test test-full test-fast test-offline lint lock clean

help: ## This text
	@echo "MITA Monitoring. The targets:"
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 14

demo: ## A bad release rolls itself back, live (FAULT=error or FAULT=latency)
	$(BOOTSTRAP) --lab
	$(HARNESS) demo $(if $(FAULT),--fault $(FAULT))

up: ## The five lab hosts run; `.venv/bin/harness lab status` shows them
	$(BOOTSTRAP) --lab
	$(HARNESS) lab up

down: ## Nothing of the lab is left: containers, networks, keys, secrets
	@if [ -x .venv/bin/harness ]; then .venv/bin/harness lab down; \
	elif [ -e .lab/ssh ]; then devtools/bootstrap.sh && .venv/bin/harness lab down; \
	else echo "lab: nothing of this clone's lab is left"; fi

proof: ## Real faults on the lab: each alert fires, reaches exactly its receivers, and ends; a report as a page
	$(BOOTSTRAP) --lab
	$(HARNESS) proof --mutants

proof-real: ## The alerts that roll back by themselves, each at production timing: minutes instead of seconds, hours in all
	$(BOOTSTRAP) --lab
	$(HARNESS) proof --real

soak: ## A healthy lab is left alone for MINUTES (30): nothing may fire, nobody may be told
	$(BOOTSTRAP) --lab
	$(HARNESS) soak $(if $(MINUTES),--minutes $(MINUTES))

chaos: ## Random disturbances on the lab (N=50 rounds, SEED=...): nothing lost, doubled or wrong
	$(BOOTSTRAP) --lab
	$(HARNESS) chaos $(if $(N),--rounds $(N)) $(if $(SEED),--seed $(SEED))

test: ## test-offline, mutants of changed rules, kills and faults of the daemon, then the roles and the end-to-end tests on the lab
	$(BOOTSTRAP) --lab
	$(HARNESS) test

test-full: ## `test` with all mutants and scenes, whole sites at other addresses, exporters of real servers, every incident, production timing, chaos; over an hour more
	$(BOOTSTRAP) --lab
	$(HARNESS) test --full

test-fast: ## Types, style, unit, rules and consistency tests that take no second each: under a minute
	$(BOOTSTRAP)
	$(HARNESS) test --fast

test-offline: ## All that needs no Docker: also contract tests, scenes and slow linters; a quarter of an hour on 2 cores
	$(BOOTSTRAP)
	$(HARNESS) test --offline

setup: ## The Python environment in .venv, without a lab: what `ansible-playbook` on your own VMs needs
	$(BOOTSTRAP)

lint: ## Lint and types alone
	$(BOOTSTRAP)
	$(HARNESS) test --lint

lock: ## Pin every transitive Python package anew in constraints.txt
	$(BOOTSTRAP) --lock

clean: ## `down`, then also the images, the Python environment and everything else that this clone made
	@if [ -x .venv/bin/harness ]; then .venv/bin/harness lab down --images; fi
	rm -rf .venv .lab .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
