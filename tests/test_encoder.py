"""The shipped encoder against float32 vectors of the model it was made from, and what it refuses."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from qa import encoder as encoder_module
from qa.encoder import BUNDLED, BundledEncoder, SentenceTransformerEncoder, load
from qa.errors import ModelError
from qa.onnx import available_threads, open_folder, open_session

if TYPE_CHECKING:
    from qa.types import Vectors

DATA = Path(__file__).parent / "data"
SHIPPED = Path(encoder_module.__file__).parent / "models" / "encoder"
TEXTS: list[str] = json.loads((DATA / "encoder_texts.json").read_text("utf-8"))["texts"]
QUESTIONS: list[str] = json.loads((DATA / "encoder_texts.json").read_text("utf-8"))["questions"]
PIECES: dict[str, str] = json.loads((DATA / "encoder_pieces.json").read_text("utf-8"))
ODD = [
    "",
    " ",
    "區塊鏈技術應用試點在上海正式啟動,廣東、臺灣與香港的業者都派人參觀。",
    "链上开票🚀真方便😀👍🏽",
    "𠮷野家的𪚥字",
    "\ud800半个代理",
    "ｂｌｏｃｋｃｈａｉｎ　２０１７年",
    "区块链" * 1667,
]


@pytest.fixture(scope="module")
def bundled() -> BundledEncoder:
    return BundledEncoder(threads=2)


@pytest.fixture(scope="module")
def passages(bundled: BundledEncoder) -> Vectors:
    return bundled.encode(TEXTS, "passage")


@pytest.fixture(scope="module")
def queries(bundled: BundledEncoder) -> Vectors:
    return bundled.encode(QUESTIONS, "query")


def float32(name: str) -> Vectors:
    rows: Vectors = np.load(DATA / f"encoder_{name}.npy").astype(np.float32)
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def cosines(left: Vectors, right: Vectors) -> Vectors:
    products: Vectors = np.einsum("ij,ij->i", left, right)
    return products


def test_there_are_two_hundred_of_each() -> None:
    assert (len(TEXTS), len(set(TEXTS)), len(QUESTIONS), len(set(QUESTIONS))) == (200, 200, 200, 200)


def test_passages_are_near_float32(passages: Vectors) -> None:
    near = cosines(passages, float32("texts"))
    assert near.min() > 0.995
    assert near.mean() > 0.998


def test_questions_are_near_float32(queries: Vectors) -> None:
    near = cosines(queries, float32("questions"))
    assert near.min() > 0.997
    assert near.mean() > 0.9998


def test_rankings_survive(passages: Vectors, queries: Vectors) -> None:
    scores, exact = queries @ passages.T, float32("questions") @ float32("texts").T
    assert np.abs(scores - exact).max() < 0.012
    ours, theirs = (np.argsort(-each, axis=1, kind="stable")[:, :10] for each in (scores, exact))
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(ours, theirs, strict=True)]) > 0.9
    assert (ours[:, 0] == theirs[:, 0]).mean() > 0.91
    first, second = np.sort(exact, axis=1)[:, [-1, -2]].T
    clear = first - second > 0.006  # nearer ones are a toss between neighbours of one article
    assert clear.sum() > 90
    np.testing.assert_array_equal(ours[clear, 0], theirs[clear, 0])


def test_a_vector_does_not_depend_on_company_or_threads(bundled: BundledEncoder, passages: Vectors) -> None:
    mixed = [*ODD, *TEXTS[:12]]
    together = bundled.encode(mixed[::-1], "passage")[::-1]
    alone = np.concatenate([bundled.encode([text], "passage") for text in mixed])
    single = BundledEncoder(threads=1).encode(mixed, "passage")
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(single, alone)
    np.testing.assert_array_equal(passages[:12], alone[len(ODD) :])


def test_a_question_does_not_depend_on_company(bundled: BundledEncoder, queries: Vectors) -> None:
    np.testing.assert_array_equal(bundled.encode([QUESTIONS[7]], "query"), queries[7:8])


def test_rows_are_float32_of_length_one(bundled: BundledEncoder) -> None:
    for kind in ("query", "passage"):
        rows = bundled.encode(ODD, kind)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), np.ones(len(ODD)), atol=1e-6)


def test_no_texts_give_no_rows(bundled: BundledEncoder) -> None:
    assert bundled.encode([], "query").shape == (0, 384)
    assert list(bundled.encode_batches([], "passage")) == []


def test_what_is_past_512_tokens_is_cut(bundled: BundledEncoder) -> None:
    long = "区块链" * 600
    rows = bundled.encode([long, long + "完全不同的结尾"], "passage")
    np.testing.assert_array_equal(rows[0], rows[1])


def test_batches_come_in_order_and_size(bundled: BundledEncoder, passages: Vectors) -> None:
    batches = list(bundled.encode_batches(TEXTS[:7], "passage", size=3))
    assert [len(batch) for batch in batches] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(batches), passages[:7])


def test_prefixes_tell_questions_from_passages(bundled: BundledEncoder) -> None:
    as_question, as_passage = (bundled.encode(["上海"], kind)[0] for kind in ("query", "passage"))
    assert 0.8 < float(as_question @ as_passage) < 0.99


def test_names_and_sizes(bundled: BundledEncoder) -> None:
    assert (bundled.name, bundled.dim) == (BUNDLED, 384)
    assert bundled.fingerprint == open_folder(SHIPPED).fingerprint
    assert [type(load(name)) for name in (None, "bundled")] == [BundledEncoder, BundledEncoder]
    assert available_threads() >= 1


def test_the_files_stay_under_24_megabytes() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 24_000_000


def test_the_pruned_tokenizer_cuts_kept_pieces_as_the_whole_one_did(bundled: BundledEncoder) -> None:
    tokenizer = open_folder(SHIPPED).tokenizer()
    cut = {t: " ".join(tokenizer.encode(t, add_special_tokens=False).tokens) for t in PIECES}
    assert len(PIECES) == 388
    assert cut == PIECES


def test_prefixes_are_cut_as_in_the_base_model() -> None:
    tokenizer = open_folder(SHIPPED).tokenizer()
    assert tokenizer.encode("query: 上海").tokens == ["<s>", "▁que", "ry", ":", "▁", "上海", "</s>"]
    assert tokenizer.encode("passage: 上海").tokens == ["<s>", "▁passage", ":", "▁", "上海", "</s>"]


def test_a_character_without_a_piece_is_unknown_not_an_error() -> None:
    tokenizer = open_folder(SHIPPED).tokenizer()
    encoding = tokenizer.encode("𪚥", add_special_tokens=False)
    assert tokenizer.token_to_id("<unk>") in encoding.ids


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "encoder"))


@pytest.mark.parametrize("name", ["weights.bin", "questions.onnx", "passages.onnx", "tokenizer.json"])
def test_a_damaged_file_is_named(copied: Path, name: str) -> None:
    raw = bytearray((copied / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (copied / name).write_bytes(raw)
    with pytest.raises(ModelError, match=rf"{name}: damaged .*SHA-256.*; reinstall qa") as caught:
        BundledEncoder(copied)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["weights.bin", "config.json"])
def test_a_missing_file_is_named(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(ModelError, match=rf"{name}: No such file or directory; reinstall qa"):
        BundledEncoder(copied)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sha256": 3}'])
def test_a_damaged_description_is_named(copied: Path, content: str) -> None:
    (copied / "config.json").write_text(content)
    with pytest.raises(ModelError, match=r"config\.json: not a model description"):
        BundledEncoder(copied)


def test_a_file_that_is_no_graph_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelError, match=r"broken\.onnx: ONNX Runtime cannot open it") as caught:
        open_session(tmp_path / "broken.onnx")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["no-such/model-anywhere", "no-such-model", "a b//c"])
def test_an_unknown_name_is_refused_offline(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=rf"^{name}: no such folder, and .*name a folder") as caught:
        load(name)
    assert "\n" not in str(caught.value)


def test_a_hub_that_does_not_answer_is_given_up() -> None:
    never = threading.Event()
    error = encoder_module._within(0.01, never.wait)
    never.set()
    assert str(error) == "no answer in 0.01 s"


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a folder without a sentence-transformers model"):
        load(str(tmp_path))


def small_model(folder: Path, prompts: dict[str, str] | None = None) -> Path:
    """A sentence-transformers folder of three words, one layer and random weights of a fixed seed."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    words = {"[PAD]": 0, "[UNK]": 1, "query": 2, ":": 3, "上海": 4, "北京": 5}
    raw = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core = folder / "core"
    PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(core)
    shape: dict[str, Any] = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=6, hidden_size=8, **shape)).save_pretrained(core)
    model = SentenceTransformer(
        modules=[Transformer(str(core)), Pooling(8, "mean")], prompts=prompts, device="cpu"
    )
    model.save(str(folder))
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_any_sentence_transformers_folder_serves(tmp_path: Path) -> None:
    plain = load(str(small_model(tmp_path / "plain")))
    assert isinstance(plain, SentenceTransformerEncoder)
    rows = plain.encode(["上海", "北京", "\ud800"], "query")
    assert (plain.dim, str(rows.dtype), rows.shape) == (8, "float32", (3, 8))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), np.ones(3), atol=1e-6)
    np.testing.assert_allclose(plain.encode(["上海", "北京"], "passage"), rows[:2], atol=1e-6)
    assert plain.encode([], "query").shape == (0, 8)

    prefixed = load(str(small_model(tmp_path / "prefixed", {"query": "query: "})))
    by_hand = plain.encode(["query: 上海"], "passage")
    np.testing.assert_allclose(prefixed.encode(["上海"], "query"), by_hand, atol=1e-5)
    np.testing.assert_allclose(prefixed.encode(["上海"], "passage"), rows[:1], atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_changed_folder_has_another_fingerprint(tmp_path: Path) -> None:
    folder = small_model(tmp_path / "model")
    before = SentenceTransformerEncoder(str(folder)).fingerprint
    assert SentenceTransformerEncoder(str(folder)).fingerprint == before
    (folder / "config_sentence_transformers.json").write_text(
        '{"prompts": {"query": "问：", "document": ""}}'
    )
    assert SentenceTransformerEncoder(str(folder)).fingerprint != before


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_folder_with_a_damaged_model_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = small_model(tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="not a model that sentence-transformers can load") as caught:
        load(str(folder))
    assert "\n" not in str(caught.value)
