# Everything a person does from a checkout. `make help` lists it.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# The CUDA step of onnxruntime-node's install script needs NuGet; the CPU runtime is in the package.
export ONNXRUNTIME_NODE_INSTALL ?= skip

GAPO := node services/cli/dist/main.js
RUN ?= run

.PHONY: help run test test-tools test-image build dev lint docs pack models study bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F '\t' '{ printf "  make %-14s %s\n", $$1, $$2 }'

run: build ## install, build, start everything, train the example, show it  [RUN=helpful-only|harmless-only, JSON=1, FRESH=1]
	@deploy/local/prepare.sh nats-server
	@$(GAPO) run examples/assistant/$(RUN).yaml --port-base 0 $(if $(JSON),--json) $(if $(FRESH),--fresh)

test: build lint ## everything that CI runs
	@deploy/local/prepare.sh nats-server chromium
	@node test/run.mjs

test-tools: ## fetch helm, kubeconform and a Python with gRPC into a cache, for the tests that are skipped without them
	@node deploy/local/testTools.mjs

build: node_modules/.installed ## install and compile
	@node_modules/.bin/tsc -b

dev: node_modules/.installed ## compile, and again after each change of a file
	@npm run --silent dev

lint: node_modules/.installed ## eslint, prettier, buf
	@npm run --silent lint

test-image: build ## the images' file systems, made by the Dockerfile's own steps; each service started as its own user
	@node test/run.mjs --under test/dist/image

docs: build ## the API of the public packages, in docs/api/
	@node_modules/.bin/typedoc --options docs/typedoc/typedoc.json

pack: build ## npm packages of the command and of @gapo/reward, in packages/
	@node deploy/npm/pack.mjs packages @gapo/cli @gapo/reward

models: build ## make the example's models anew from the generator and a seed (under an hour on two cores)
	@node examples/assistant/dist/training/main.js

study: build ## compare the paper's methods on the example, write docs/study.md  [QUICK=1]
	@deploy/local/prepare.sh nats-server
	@node examples/assistant/dist/study/main.js $(if $(QUICK),--quick)

bench: build ## measure this machine  [npm run bench -- --help]
	@npm run --silent bench --

clean: ## remove what was built
	@node_modules/.bin/tsc -b --clean; rm -rf node_modules

node_modules/.installed: package.json package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@
