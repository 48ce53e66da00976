# Two commands do all set-up on a fresh machine: `make chat` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: chat test check format index eval gate baseline setup browser bench soak help

help:  ## 显示这些命令 show these commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "qa needs Python 3.11 or newer; name one: make PYTHON=python3.12 chat" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

setup: $(READY)  ## 安装 install into .venv

index: $(READY)  ## 建立索引 build the index of the shipped articles
	$(BIN)/qa index corpus/articles

chat: index  ## 打开网页问答 set up, build the index, open the web chat
	$(BIN)/python app.py

eval: index  ## 评测，写出 run.html evaluate on the shipped questions, write a report
	$(BIN)/qa eval corpus/questions.jsonl --report run.html

# The gate: the reporting half beside the committed baseline. The second run plants a loss in its first 40
# questions, of which nothing is answered any more: the same gate must see it, and says so with status 1.
BESIDE := corpus/questions.jsonl --split report --baseline benchmarks/baseline.json --fail-if "F1<-0.02"
gate: index  ## 与基线比较 compare with the committed baseline
	$(BIN)/qa eval $(BESIDE) --fail-if "sentence_hit<-0.02" --fail-if "abstention.AUROC<-0.03" \
		--fail-if "Recall@5<-0.02" --fail-if "citations_valid<1"
	@$(BIN)/qa eval $(BESIDE) --limit 40 --threshold 1 >/dev/null; test $$? -eq 1 || \
		{ echo "the gate did not see a planted loss" >&2; exit 1; }

baseline: index  ## 更新基线 renew the baseline; give the difference in the commit's message
	$(BIN)/qa eval corpus/questions.jsonl --split report --json benchmarks/baseline.json

test: setup browser check gate  ## 安装并运行全部检查 set up, run every check

check: $(READY)  ## 格式、规范、类型、测试 format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

format: $(READY)  ## 整理格式 format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

browser: $(READY)  ## 为页面测试装 Chromium a browser for the page's tests (Debian, as root)
	@if command -v chromium >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then :; else \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk >/dev/null; fi

bench: $(READY)  ## 与保留的数字比较 quick benchmarks beside the kept ones; KEEP=1 keeps them
	$(BIN)/python -m benchmarks.guards $(if $(KEEP),--keep)

soak: $(READY)  ## 长时间检查 bombs, fuzzing, kills, load: two to three hours; SOAK="--minutes 1" for a short one
	$(BIN)/python -m benchmarks.soak $(SOAK)
