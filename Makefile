# Everything starts here: `make run` on a bare Debian 12 or Ubuntu 24.04 machine ends in the console.
MAKEFLAGS += --no-print-directory
.PHONY: help run test test-long test-sample check lint format bench doctor agent destroy lock setup

help:
	@echo "make run        set up this machine, make the demo cloud, open the console"
	@echo "make test       set up, then unit, console and real tests"
	@echo "make test-long  the tests that take minutes"
	@echo "make check      format, lint, types, import contracts, unit tests (under a minute)"
	@echo "make lint       the same without the tests"
	@echo "make format     format the code and mend what ruff can mend"
	@echo "make bench      the measurements behind every claim of speed"
	@echo "make doctor     check this machine"
	@echo "make agent      keep the cloud converged from boot on, as a systemd unit"
	@echo "make destroy    take the demo cloud off this machine"
	@echo "make lock       pin the Python packages anew"

run:
	@exec tools/run

setup:
	@tools/setup run

test:
	@tools/setup test
	@tools/test

test-long:
	@tools/setup test
	@tools/test long

test-sample:
	@tools/setup test
	@tools/test sample

check:
	@tools/setup venv
	@tools/lint
	@tools/test unit

lint:
	@tools/setup venv
	@tools/lint

format:
	@tools/setup venv
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format .

bench:
	@tools/setup test
	@tools/as-root .venv/bin/python -m benchmarks

doctor:
	@tools/setup venv
	@tools/as-root .venv/bin/quarterdeck doctor

agent:
	@tools/setup run
	@tools/agent

destroy:
	@tools/as-root .venv/bin/quarterdeck destroy

lock:
	@tools/setup venv
	@tools/lock --upgrade
