"""The reading model in PyTorch: the base encoder's lower layers and three linear outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from training.reader_batches import Batch

__all__ = ["ReaderModel", "losses"]

_NEVER = -1e4  # for pieces that are none of the passage; finite, so that bf16 stays finite


class ReaderModel(nn.Module):  # type: ignore[misc]  # PyTorch comes without strict types
    """``windows`` in; the log-odds of start, end and relevance out."""

    def __init__(self, bert: Any) -> None:
        super().__init__()
        self.bert = bert
        self.span = nn.Linear(bert.config.hidden_size, 2)
        self.relevance = nn.Linear(bert.config.hidden_size, 1)

    @classmethod
    def from_base(cls, folder: Path, layers: int) -> ReaderModel:
        """The first ``layers`` layers of the base encoder (``make_encoder --torch``), outputs near zero."""
        model = cls(_bert(folder, layers))
        for head in (model.span, model.relevance):
            nn.init.normal_(head.weight, std=0.02)
            nn.init.zeros_(head.bias)
        return model

    def forward(self, ids: Any, mask: Any, passage: Any) -> tuple[Any, Any, Any]:
        """``start`` and ``end`` float32 ``(windows, pieces)``, ``relevance`` float32 ``(windows,)``."""
        hidden = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        start, end = self.span(hidden).float().masked_fill(~passage[..., None], _NEVER).unbind(-1)
        return start, end, self.relevance(hidden[:, 0]).float()[:, 0]

    def load_trained(self, path: Path) -> None:
        """Take over the weights in ``path``, a ``reader.safetensors`` of a model of as many layers."""
        from safetensors.torch import load_file

        saved = load_file(path)
        with torch.no_grad():
            for name, value in self.trained():
                value.copy_(saved[name])

    def trained(self) -> list[tuple[str, Any]]:
        """The parameters that training moves: all but the embeddings."""
        return [(name, value) for name, value in self.named_parameters() if "embeddings" not in name]


def _bert(folder: Path, layers: int) -> Any:
    from transformers import BertModel

    return BertModel.from_pretrained(
        folder / "core" if (folder / "core").is_dir() else folder,
        add_pooling_layer=False,
        num_hidden_layers=layers,
        hidden_dropout_prob=0.0,  # few epochs: dropout costs more time than it gives
        attention_probs_dropout_prob=0.0,
        attn_implementation="eager",  # on processors in bf16 quicker than "sdpa", forward and back
        local_files_only=True,
    )


def losses(outputs: tuple[Any, Any, Any], batch: Batch, device: Any) -> tuple[Any, Any]:
    """The loss of the spans, normalised over each question's windows, and that of relevance."""
    start, end, relevance = outputs
    gold_start, gold_end, group = (
        torch.as_tensor(array, device=device) for array in (batch.start, batch.end, batch.group)
    )
    answers = gold_start > 0
    span = (_shared(start, gold_start, group, answers) + _shared(end, gold_end, group, answers)) / 2
    return span, functional.binary_cross_entropy_with_logits(relevance, answers.float())


def _shared(scores: Any, gold: Any, group: Any, answers: Any) -> Any:
    """Cross-entropy of the right piece among those of all windows of its question, mean over questions."""
    each = torch.logsumexp(scores, dim=1)
    same = group[:, None] == group[None, :]
    total = torch.logsumexp(each[None, :].masked_fill(~same, float("-inf")), dim=1)
    right = scores.gather(1, gold[:, None])[:, 0]
    return (total - right)[answers].mean() if answers.any() else scores.sum() * 0
