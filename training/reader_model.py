"""The reading model in PyTorch: the base encoder's lower layers and four linear outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from training.reader_batches import Batch

__all__ = ["LONGEST", "PAIR", "Outputs", "ReaderModel", "losses", "span_scores"]

LONGEST = 80  # pieces of a span
PAIR = 64  # numbers in which a start and an end are compared
_UNKNOWN = 3
_NEVER = -1e4  # for pieces that are none of the passage; finite, so that bf16 stays finite


class Outputs(NamedTuple):
    """What the model gives, float32.

    ``start``, ``end``    ``(windows, pieces)``: log-odds of each piece alone
    ``opens``, ``closes`` ``(windows, pieces, PAIR)``: their product says how well two ends go together
    ``relevance``         ``(windows,)``: log-odds that the window answers
    """

    start: Any
    end: Any
    opens: Any
    closes: Any
    relevance: Any


class ReaderModel(nn.Module):  # type: ignore[misc]  # PyTorch comes without strict types
    """``windows`` in, ``Outputs`` out.

    While training, ``dropout`` of the numbers that each half of a layer adds are left out, the same ones for
    all pieces of a window (a mask for each piece costs more than it gives on processors), and ``unknown``
    of the pieces are hidden.
    """

    def __init__(self, bert: Any, *, dropout: float = 0.0, unknown: float = 0.0) -> None:
        super().__init__()
        self.bert = bert
        self.span = nn.Linear(bert.config.hidden_size, 2)
        self.pair = nn.Linear(bert.config.hidden_size, 2 * PAIR, bias=False)
        self.relevance = nn.Linear(bert.config.hidden_size, 1)
        self._dropout, self._unknown = dropout, unknown
        for layer in bert.encoder.layer:
            for half in (layer.attention.output.dense, layer.output.dense):
                half.register_forward_hook(self._thinned)

    @classmethod
    def from_base(
        cls, folder: Path, layers: int, *, dropout: float = 0.0, unknown: float = 0.0
    ) -> ReaderModel:
        """The first ``layers`` layers of the base encoder (``make_encoder --torch``), outputs near zero."""
        model = cls(_bert(folder, layers), dropout=dropout, unknown=unknown)
        for head in (model.span, model.relevance, model.pair):
            nn.init.normal_(head.weight, std=0.02)
        for head in (model.span, model.relevance):
            nn.init.zeros_(head.bias)
        return model

    def forward(self, ids: Any, mask: Any, passage: Any) -> Outputs:
        """``ids``, ``mask`` and ``passage`` as in ``Batch``."""
        hidden = self.bert(input_ids=self._hidden(ids, mask), attention_mask=mask).last_hidden_state
        start, end = self.span(hidden).float().masked_fill(~passage[..., None], _NEVER).unbind(-1)
        opens, closes = self.pair(hidden).float().split(PAIR, dim=-1)
        return Outputs(start, end, opens, closes, self.relevance(hidden[:, 0]).float()[:, 0])

    def load_trained(self, path: Path) -> None:
        """Take over the weights in ``path``, a ``reader.safetensors`` of a model of as many layers.

        One of before ends were scored together has none for that: they stay as they are.
        """
        from safetensors.torch import load_file

        saved = load_file(path)
        with torch.no_grad():
            for name, value in self.trained():
                if name in saved or name != "pair.weight":
                    value.copy_(saved[name])

    def _hidden(self, ids: Any, mask: Any) -> Any:
        """``ids`` with some pieces unknown, never the marks between question and passage."""
        if not self.training or not self._unknown:
            return ids
        chosen = (torch.rand(ids.shape, device=ids.device) < self._unknown) & (mask > 0) & (ids > _UNKNOWN)
        return ids.masked_fill(chosen, _UNKNOWN)

    def _thinned(self, module: Any, inputs: Any, output: Any) -> Any:
        if not self.training or not self._dropout:
            return output
        kept = torch.rand(output.shape[0], 1, output.shape[-1], device=output.device) >= self._dropout
        return output * (kept.to(output.dtype) / (1 - self._dropout))

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


def span_scores(outputs: Outputs) -> Any:
    """Score of each span, float32 ``(windows, pieces, pieces)``: first piece, last piece.

    Spans that end before they begin or that are longer than ``LONGEST`` pieces get no chance.
    """
    together = outputs.opens @ outputs.closes.transpose(1, 2)
    scores = outputs.start[:, :, None] + outputs.end[:, None, :] + together
    ones = torch.ones(scores.shape[1:], dtype=torch.bool, device=scores.device)
    return scores.masked_fill(~(ones.triu() & ~ones.triu(LONGEST)), 2 * _NEVER)


def losses(outputs: Outputs, batch: Batch, device: Any) -> tuple[Any, Any]:
    """The loss of the spans, normalised over each question's windows, and that of relevance.

    Spans are learnt as starts and ends apart and, unless they are too long, as pairs (Fajcik et al. 2021,
    compound objective).
    """
    first, last, group = (
        torch.as_tensor(array, device=device) for array in (batch.start, batch.end, batch.group)
    )
    answers = first > 0
    pairs = span_scores(outputs).flatten(1)
    span = (
        _shared(outputs.start, first, group, answers)
        + _shared(outputs.end, last, group, answers)
        + _shared(pairs, first * outputs.start.shape[1] + last, group, answers & (last - first < LONGEST))
    ) / 2
    return span, functional.binary_cross_entropy_with_logits(outputs.relevance, answers.float())


def _shared(scores: Any, gold: Any, group: Any, answers: Any) -> Any:
    """Cross-entropy of the right place among those of all windows of its question, mean over questions."""
    each = torch.logsumexp(scores, dim=1)
    same = group[:, None] == group[None, :]
    total = torch.logsumexp(each[None, :].masked_fill(~same, float("-inf")), dim=1)
    right = scores.gather(1, gold[:, None])[:, 0]
    return (total - right)[answers].mean() if answers.any() else scores.sum() * 0
