# Every target is a script in .ci/, so that a machine without make can do the same.

.PHONY: check ort-training test lint wheel docs models clean

check: ## everything that must hold before a change lands
	sh .ci/run

ort-training: ## what needs ONNX Runtime's own training API, in an environment of its own, after `make test`
	sh tests/ort_training/run

test: ## set up .venv and run the tests
	sh .ci/test

lint: ## style, types and import boundaries, after `make test`
	sh .ci/lint

wheel: ## build the wheel and run the main job from it, after `make test`
	sh .ci/wheel

docs: ## write docs/language.md and docs/operators.md from the registries, after `make test`
	sh .ci/docs

models: ## train every spec of the library in full, and write docs/models.md, after `make test`
	sh .ci/models

clean: ## remove what the targets made
	rm -rf .venv .ort-training build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache examples/*/node_modules tests/editor/node_modules
