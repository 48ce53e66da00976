"""Stage B: questions are drawn to the passages that answer them, with sentence-transformers' own trainer.

Each group of pairs is contrasted within itself, so that a batch's other passages are of its kind and its
length; each question brings one passage that BM25 finds and that does not answer it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from training.prepare_encoder import Pair

__all__ = ["columns", "evaluators", "figures", "train_contrast"]

PROMPTS = {"question": "query: ", "positive": "passage: ", "negative": "passage: "}
_LONGEST = 384  # tokens


def train_contrast(
    model: Any,
    pairs: Sequence[Pair],
    folder: Path,
    *,
    rate: float,
    batch: int,
    scale: float,
    epochs: float,
    seed: int,
    repeat: dict[str, int],
    tell: Callable[[dict[str, float]], None],
    save_steps: int = 40,
) -> None:
    """Trains ``model`` where it is; goes on from the newest checkpoint in ``folder`` if there is one.

    ``scale``   the inverse of the loss's temperature
    ``repeat``  how often a group's pairs come in an epoch, each time with its next negative; 1 if not named
    ``tell``    takes the loss and rate every ten steps
    """
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.losses import MultipleNegativesRankingLoss
    from sentence_transformers.training_args import BatchSamplers, MultiDatasetBatchSamplers

    dataset = importlib.import_module("datasets").Dataset  # comes with the extra "train"
    model.max_seq_length = _LONGEST
    model[0].model.embeddings.requires_grad_(False)
    options = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        per_device_train_batch_size=batch,
        learning_rate=rate,
        warmup_steps=0.1,
        lr_scheduler_type="linear",
        weight_decay=0.01,
        bf16=True,
        use_cpu=not torch.cuda.is_available(),
        seed=seed,
        data_seed=seed,
        batch_sampler=BatchSamplers.NO_DUPLICATES,
        multi_dataset_batch_sampler=MultiDatasetBatchSamplers.PROPORTIONAL,
        prompts=PROMPTS,
        save_strategy="steps",
        save_steps=save_steps,
        save_total_limit=1,
        logging_steps=10,
        report_to="none",
        disable_tqdm=True,
    )
    trainer = SentenceTransformerTrainer(
        model=model,
        args=options,
        train_dataset={name: dataset.from_dict(each) for name, each in columns(pairs, repeat).items()},
        loss=MultipleNegativesRankingLoss(model, scale=scale),
        callbacks=[_telling(tell)],
    )
    trainer.train(resume_from_checkpoint=any(folder.glob("checkpoint-*")))


def columns(pairs: Sequence[Pair], repeat: dict[str, int]) -> dict[str, dict[str, list[str]]]:
    """Each group's columns ``question``, ``positive`` and, where its pairs have any, ``negative``.

    In a group with negatives, pairs without one are left out.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for group in dict.fromkeys(pair.group for pair in pairs):
        mine = [pair for pair in pairs if pair.group == group]
        hard = [pair for pair in mine if pair.negatives]
        rows = [
            (pair, pair.negatives[turn % len(pair.negatives)] if hard else None)
            for turn in range(repeat.get(group, 1))
            for pair in (hard or mine)
        ]
        found[group] = {
            "question": [pair.question for pair, _ in rows],
            "positive": [pair.positive for pair, _ in rows],
        }
        if hard:
            found[group]["negative"] = [negative for _, negative in rows if negative is not None]
    return found


def _telling(tell: Callable[[dict[str, float]], None]) -> Any:
    from transformers import TrainerCallback

    class Telling(TrainerCallback):  # type: ignore[misc]  # transformers has no types
        def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
            numbers = {name: value for name, value in (logs or {}).items() if isinstance(value, float | int)}
            tell({"step": state.global_step, "of": state.max_steps, **numbers})

    return Telling()


def evaluators(tune: Sequence[Pair], sample: int) -> dict[str, Any]:
    """For each group the search of its questions among its passages; at most ``sample`` questions, evenly."""
    from sentence_transformers.evaluation import InformationRetrievalEvaluator

    made = {}
    for group in dict.fromkeys(pair.group for pair in tune):
        mine = [pair for pair in tune if pair.group == group]
        mine = mine[:: max(1, len(mine) // sample)][:sample]
        texts = list(dict.fromkeys(text for pair in mine for text in (pair.positive, *pair.negatives)))
        right: dict[str, set[str]] = {}
        for pair in mine:
            right.setdefault(pair.question, set()).add(pair.positive)
        made[group] = InformationRetrievalEvaluator(
            queries={question: question for question in right},
            corpus={text: text for text in texts},
            relevant_docs=right,
            accuracy_at_k=[1, 5],
            precision_recall_at_k=[5],
            map_at_k=[10],
            name=group,
            write_csv=False,
            query_prompt=PROMPTS["question"],
            corpus_prompt=PROMPTS["positive"],
        )
    return made


def figures(model: Any, searches: dict[str, Any]) -> dict[str, float]:
    """Recall@1 and Recall@5 in per cent for each group, by ``evaluators``."""
    found = {}
    model.eval()
    with torch.autocast(model.device.type, torch.bfloat16):
        for group, search in searches.items():
            measured = search(model)
            for k in (1, 5):
                found[f"{group} Recall@{k}"] = round(100 * measured[f"{group}_cosine_accuracy@{k}"], 2)
    return found
