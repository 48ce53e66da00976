"""Makes the static encoder that ships with the project, and its model card.

    python -m training.make_static --articles 'ARTICLES/*.txt' --out qa/models/static

``--questions`` names what ``training.prepare_encoder`` wrote. Three steps: which characters, pairs and
triples get a row; what each row begins as (chance, or with ``--own`` below 1 what the bundled encoder says
of the gram alone, in fewer numbers, which is kept in ``--work``); questions drawn to the passages that answer
them. Run it again with ``--figures FILE``, what ``benchmarks.encoding --json FILE`` wrote, for the model
card. The same inputs give the same bytes in every file but the card.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import cycle, islice, pairwise
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qa.static import GRAMS, ROWS, Grams, packed, unpacked
from qa.text import fold, sentences
from qa.types import Span
from training.prepare_encoder import Pair, read_pairs
from training.text_files import read_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qa.types import Encoder, Vectors

    Numbers = NDArray[np.integer[Any]]

__all__ = ["Recipe", "cloze_pairs", "distilled", "grams_of", "main", "recall", "trained", "write_static"]

_CARD: Final = Path(__file__).with_name("static_card.md")
_LICENCE: Final = Path(__file__).with_name("LICENSE.static")
_TAUGHT: Final = (
    "**Distilled.** What the bundled encoder says of each gram alone, centred, in its main directions,\n"
    "   mixed with chance so that two words that it sees alike are not the same; weighted by rarity (SIF)."
)
_UNTAUGHT: Final = "**Begun** with chance, weighted by rarity (SIF); no other model had a part in it."
_ALONE: Final = 512  # grams that the teacher is given at once


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a table is made.

    ``pairs``, ``triples``  how many grams of two and three characters get a row
    ``least``               how often a gram must occur
    ``dim``                 numbers of a vector
    ``rare``                frequency at which a gram's weight is one half (SIF, Arora et al. 2017)
    ``own``                 share of chance in a row, by which grams that the teacher sees alike differ;
                            with 1 no teacher is asked
    ``clozes``              sentences with their surroundings that are learnt from before questions
    ``epochs``              over the questions
    ``rate``                of Adam, falling to zero
    ``scale``               inverse temperature of the loss
    """

    pairs: int = 22_000
    triples: int = 9_000
    least: int = 8
    dim: int = 384
    rare: float = 1e-4
    own: float = 1.0
    clozes: int = 60_000
    epochs: int = 2
    batch: int = 512
    rate: float = 0.004
    scale: float = 20.0
    seed: int = 7


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the whole recipe; see the module's text."""
    options = _options().parse_args(arguments)
    if options.figures is None:
        _make(options, Recipe(**{field.name: getattr(options, field.name) for field in fields(Recipe)}))
    figures = {} if options.figures is None else json.loads(options.figures.read_text("utf-8"))
    (options.out / "README.md").write_text(static_card(options.out, figures), "utf-8")


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.make_static")
    parser.add_argument("--articles", nargs="+", default=[], metavar="GLOB", help="texts, an article a line")
    parser.add_argument("--questions", type=Path, default=Path("scratch/encoder"), metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the model folder to write")
    parser.add_argument("--work", type=Path, default=Path("scratch/static"), metavar="DIR")
    parser.add_argument(
        "--figures", type=Path, metavar="FILE", help="only write the card, with these figures"
    )
    for field in fields(Recipe):
        parser.add_argument(f"--{field.name}", type=type(field.default), default=field.default)
    return parser


def _make(options: argparse.Namespace, recipe: Recipe) -> None:
    from qa import encoder

    pairs, kept_out = (read_pairs(options.questions / f"{name}.jsonl") for name in ("pairs", "tune"))
    news = [_body(text) for text in read_texts(options.articles)]
    own = dict.fromkeys(text for pair in pairs for text in (pair.question, pair.positive, *pair.negatives))
    grams = grams_of([*news, *own], recipe)
    print(f"{len(grams):,} grams", flush=True)
    if recipe.own < 1:
        alone = _kept(options.work, grams, encoder.load())
    else:
        alone = np.zeros((len(grams), recipe.dim), dtype=np.float32)
    counts = _counts(Grams(grams), news)
    table = distilled(alone, counts, recipe)
    _tell("distilled", grams, table, kept_out)
    table = trained(table, Grams(grams), cloze_pairs(news, recipe), pairs, recipe)
    _tell("trained", grams, table, kept_out)
    write_static(options.out, grams, table, recipe)
    numbers = unpacked((options.out / ROWS).read_bytes(), recipe.dim)
    _tell("shipped", grams, numbers.astype(np.float32), kept_out)


def _tell(stage: str, grams: Sequence[str], table: Vectors, kept_out: Sequence[Pair]) -> None:
    print(stage, json.dumps(recall(table, Grams(grams), kept_out)), flush=True)


def _body(line: str) -> str:
    """An article without its time and what the site put before the text."""
    return line.partition("正文：")[2].strip() or line.strip()


# -- which grams ---------------------------------------------------------------------------------------


def grams_of(texts: Iterable[str], recipe: Recipe) -> list[str]:
    """The grams that get a row: characters, pairs, triples, each kind in order of its characters.

    Of pairs and triples those that occur often and oftener than their parts would by chance: by count times
    pointwise mutual information. A triple's first two characters are a pair that gets a row.
    """
    characters, codes = _coded(texts)
    number = len(characters)
    counts = np.bincount(codes, minlength=number).astype(np.float64)
    counts[0] = 0
    total = max(float(counts.sum()), 1.0)
    codes = np.where(counts[codes] >= recipe.least, codes, 0)
    doubles = np.where((codes[:-1] > 0) & (codes[1:] > 0), codes[:-1] * number + codes[1:], 0)
    pairs, times = _counted(doubles, recipe.least)
    chance = counts[pairs // number] * counts[pairs % number] / total
    chosen = _best(pairs, times * np.log(times / chance), recipe.pairs)
    whole = np.flatnonzero(np.isin(doubles[:-1], chosen) & (codes[2:] > 0))
    triples, thrice = _counted(doubles[whole].astype(np.int64) * number + codes[whole + 2], recipe.least)
    chance = times[np.searchsorted(pairs, triples // number)] * counts[triples % number] / total
    longer = _best(triples, thrice * (np.log(thrice / chance) - 1), recipe.triples)
    return [
        *(characters[at] for at in np.flatnonzero(counts >= recipe.least)),
        *(characters[at // number] + characters[at % number] for at in chosen),
        *(
            characters[at // number**2] + characters[at // number % number] + characters[at % number]
            for at in longer
        ),
    ]


def _coded(texts: Iterable[str]) -> tuple[list[str], Numbers]:
    """The folded letters and digits of ``texts`` in order, with "" before them; and each character's place.

    Places are int32, so that the key of a pair still fits: there are fewer than 46,340 characters.
    """
    coded = [np.frombuffer(f"{text}\n".encode("utf-32-le", "replace"), np.uint32) for text in texts]
    points = np.concatenate(coded)
    distinct = np.unique(points)
    folded = [fold(chr(point)) for point in distinct]
    characters = ["", *sorted({char for char in folded if char.isalnum()})]
    number = {char: at for at, char in enumerate(characters)}
    places = np.zeros(0x110000, dtype=np.int32)
    places[distinct] = [number.get(char, 0) for char in folded]
    return characters, places[points]


def _counted(keys: Numbers, least: int) -> tuple[Numbers, NDArray[np.float64]]:
    """Each key but 0 that occurs ``least`` times or more, ascending, and how often."""
    found, times = np.unique(keys[keys > 0], return_counts=True)
    often = times >= least
    return found[often], times[often].astype(np.float64)


def _best(keys: Numbers, values: NDArray[np.float64], count: int) -> Numbers:
    """The ``count`` keys of the highest values above 0, ascending."""
    order = np.lexsort((keys, -values))[:count]
    return np.sort(keys[order[values[order] > 0]])


# -- what the teacher says -----------------------------------------------------------------------------


def _kept(work: Path, grams: Sequence[str], teacher: Encoder) -> Vectors:
    """The teacher's vector of each gram alone, float32 (grams, its dim); goes on where it was stopped."""
    key = hashlib.sha256("\n".join([teacher.fingerprint, *grams]).encode()).hexdigest()[:16]
    path = work / f"alone-{key}.f16"
    work.mkdir(parents=True, exist_ok=True)
    row = 2 * teacher.dim
    done = path.stat().st_size // row if path.exists() else 0
    with path.open("r+b" if done else "wb") as stream:
        stream.truncate(done * row)
        stream.seek(done * row)
        for start in range(done, len(grams), _ALONE):
            teacher.encode(grams[start : start + _ALONE], "passage").astype(np.float16).tofile(stream)
            stream.flush()
            print(f"teacher {min(start + _ALONE, len(grams)):,} of {len(grams):,}", flush=True)
    return np.fromfile(path, dtype=np.float16).reshape(len(grams), -1).astype(np.float32)


def distilled(alone: Vectors, counts: Numbers, recipe: Recipe) -> Vectors:
    """float32 (grams, recipe.dim): main directions of ``alone``, mixed with chance, weighted by rarity."""
    centred = alone - alone.mean(axis=0)
    _, _, directions = np.linalg.svd(centred.T @ centred)
    near = np.zeros((len(alone), recipe.dim), dtype=np.float32)
    near[:, : alone.shape[1]] = centred @ directions[: recipe.dim].T
    chance = np.random.default_rng(recipe.seed).standard_normal(near.shape).astype(np.float32)
    mixed = (1 - recipe.own) * _unit(near) + recipe.own * _unit(chance)
    frequency = counts / max(int(counts.sum()), 1)
    weighted = mixed * (recipe.rare / (recipe.rare + frequency))[:, None]
    found: Vectors = weighted.astype(np.float32)
    return found


def _unit(rows: Vectors) -> Vectors:
    unit: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit


def _counts(grams: Grams, texts: Sequence[str]) -> Numbers:
    """How often each gram occurs in ``texts``."""
    total = np.zeros(grams.size, dtype=np.int64)
    for start in range(0, len(texts), 256):
        rows, _ = grams.rows(texts[start : start + 256])
        total += np.bincount(rows, minlength=grams.size)
    return total


# -- training ------------------------------------------------------------------------------------------


def cloze_pairs(news: Sequence[str], recipe: Recipe) -> list[Pair]:
    """Sentences, mostly cut to the length of a question, with two to five around them.

    In three of five the sentence itself is left out of its surroundings (the inverse cloze task, Lee et al.
    2019), so that not only the same words count.
    """
    chance = random.Random(recipe.seed)
    parted = ([span.of(text) for span in sentences(text, Span(0, len(text)))] for text in news)
    long = [parts for parts in parted if len(parts) >= 6]
    return [_cloze(parts, chance) for parts in islice(cycle(chance.sample(long, len(long))), recipe.clozes)]


def _cloze(parts: Sequence[str], chance: random.Random) -> Pair:
    at, size = chance.randrange(len(parts)), chance.randint(3, 6)
    first = max(0, at - chance.randrange(size))
    around = [place for place in range(first, min(first + size, len(parts))) if place != at]
    if chance.random() < 0.4:
        around = sorted([*around, at])
    asked, length = parts[at], chance.randint(8, 30)
    if chance.random() < 0.7:
        start = chance.randrange(max(1, len(asked) - length))
        asked = asked[start : start + length]
    return Pair("clozes", asked, "".join(parts[place] for place in around)[:350])


def trained(
    table: Vectors, grams: Grams, clozes: Sequence[Pair], pairs: Sequence[Pair], recipe: Recipe
) -> Vectors:
    """``table`` after a pass over ``clozes`` and ``recipe.epochs`` over ``pairs``."""
    import torch

    torch.manual_seed(recipe.seed)
    torch.set_num_threads(1)  # the same bytes on any number of cores
    bag = torch.nn.EmbeddingBag.from_pretrained(
        torch.from_numpy(table.copy()), freeze=False, mode="sum", include_last_offset=True
    )
    chance = random.Random(recipe.seed)
    plan = [_batches(clozes, recipe.batch, chance)]
    plan += [_batches(pairs, recipe.batch, chance) for _ in range(recipe.epochs)]
    batches = [batch for part in plan for batch in part]
    optimiser = torch.optim.Adam(bag.parameters(), lr=recipe.rate)
    for step, batch in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * min((step + 1) / 20, 1 - step / len(batches))
        optimiser.zero_grad()
        loss = _loss(bag, grams, batch, recipe.scale, chance)
        loss.backward()
        optimiser.step()
        if step % 20 == 0:
            print(f"step {step} of {len(batches)}, loss {loss.item():.3f}", flush=True)
    found: Vectors = bag.weight.detach().numpy()
    return found


def _batches(pairs: Sequence[Pair], size: int, chance: random.Random) -> Iterator[list[Pair]]:
    """Whole batches in random order; what does not fill one is left out, unless it is all there is."""
    mixed = chance.sample(list(pairs), len(pairs))
    last = max(1, len(mixed) - size + 1) if mixed else 0
    return iter([mixed[start : start + size] for start in range(0, last, size)])


def _loss(bag: Any, grams: Grams, batch: Sequence[Pair], scale: float, chance: random.Random) -> Any:
    """Of each question's passage against the others and one hard negative each, and the other way round."""
    import torch
    from torch.nn.functional import cross_entropy

    negatives = [chance.choice(pair.negatives) for pair in batch if pair.negatives]
    questions = _vectors(bag, grams, [pair.question for pair in batch])
    passages = _vectors(bag, grams, [pair.positive for pair in batch] + negatives)
    scores = scale * questions @ passages.T
    own = np.unique([pair.positive for pair in batch], return_inverse=True)[1]
    alike = (own[:, None] == own) & ~np.eye(len(batch), dtype=bool)
    scores[:, : len(batch)].masked_fill_(torch.from_numpy(alike), -1e4)
    right = torch.arange(len(batch))
    backwards = cross_entropy(scores[:, : len(batch)].T, right)
    return cross_entropy(scores, right) + 0.5 * backwards


def _vectors(bag: Any, grams: Grams, texts: Sequence[str]) -> Any:
    import torch

    rows, starts = grams.rows(texts)
    sums = bag(torch.from_numpy(rows.astype(np.int64)), torch.from_numpy(starts))
    return torch.nn.functional.normalize(sums, dim=1)


def recall(table: Vectors, grams: Grams, asked: Sequence[Pair]) -> dict[str, float]:
    """Recall@1 and @5 among all texts of ``asked``, negatives included, by group of pairs."""
    found: dict[str, float] = {}
    for group in sorted({pair.group for pair in asked}):
        own = [pair for pair in asked if pair.group == group]
        texts = list(dict.fromkeys(text for pair in own for text in (pair.positive, *pair.negatives)))
        place = {text: at for at, text in enumerate(texts)}
        passages = _summed(table, grams, texts)
        cosines = _summed(table, grams, [pair.question for pair in own]) @ passages.T
        right = cosines[np.arange(len(own)), [place[pair.positive] for pair in own]]
        ranks = (cosines > right[:, None]).sum(axis=1)
        found |= {f"{group} R@{k}": round(float((ranks < k).mean()), 4) for k in (1, 5)}
    return found


def _summed(table: Vectors, grams: Grams, texts: Sequence[str]) -> Vectors:
    rows, starts = grams.rows(texts)
    sums = [table[rows[a:b]].sum(axis=0) for a, b in pairwise(starts)]
    return _unit(np.array(sums))


# -- what ships ----------------------------------------------------------------------------------------


def write_static(out: Path, grams: Sequence[str], table: Vectors, recipe: Recipe) -> None:
    """Writes grams, rows, licence and ``config.json`` with the hashes of the first two."""
    out.mkdir(parents=True, exist_ok=True)
    (out / GRAMS).write_text("\n".join(grams), "utf-8")
    (out / ROWS).write_bytes(packed(table))
    shutil.copyfile(_LICENCE, out / "LICENSE")
    hashes = {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in (GRAMS, ROWS)}
    config = {"name": "static-zh", "dim": table.shape[1], "recipe": asdict(recipe), "sha256": hashes}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def static_card(out: Path, figures: Mapping[str, Any]) -> str:
    """The card's Markdown; ``figures`` by ``benchmarks.encoding``, empty where nothing is measured yet."""
    config = json.loads((out / "config.json").read_text("utf-8"))
    recalls = [
        f"| {name} | {part} | {measures['Recall@1']:.4f} | {measures['Recall@5']:.4f} |"
        for name, parts in figures.get("recall", {}).items()
        for part, measures in parts.items()
    ]
    speeds = [f"| {name} | {value} |" for name, value in figures.get("passages_per_s", {}).items()]
    sizes = {name: (out / name).stat().st_size for name in config["sha256"]}
    return Template(_CARD.read_text("utf-8")).substitute(
        dim=config["dim"],
        grams=f"{len((out / GRAMS).read_text('utf-8').splitlines()):,}",
        megabytes=f"{sum(sizes.values()) / 1e6:.1f}",
        recipe=json.dumps(config["recipe"]),
        begun=_TAUGHT if config["recipe"]["own"] < 1 else _UNTAUGHT,
        recall="\n".join(recalls) or "| not measured | | | |",
        speed="\n".join(speeds) or "| not measured | |",
        hashes="\n".join(f"| `{n}` | {sizes[n]:,} | `{value}` |" for n, value in config["sha256"].items()),
    )


if __name__ == "__main__":
    main()
